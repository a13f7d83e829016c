// Dft<R>: discrete Fourier transforms of R points held in registers, one independent transform per lane.
#pragma once

#include "vec.hpp"

namespace {

// cos(2 pi k / n) at compile time: first octant by Taylor series, the rest by symmetry.
constexpr double taylor_cos(double x) {
  double term = 1, total = 1;
  for (int i = 1; i < 14; ++i) total += term *= -x * x / ((2 * i - 1) * (2 * i));
  return total;
}
constexpr double taylor_sin(double x) {
  double term = x, total = x;
  for (int i = 1; i < 14; ++i) total += term *= -x * x / ((2 * i) * (2 * i + 1));
  return total;
}
constexpr double unit_cos(int k, int n) {
  k = ((k % n) + n) % n;
  if (2 * k > n) k = n - k;                          // cos(-x) = cos(x)
  if (4 * k > n) return -unit_cos(n - 2 * k, 2 * n);  // cos(pi - x) = -cos(x)
  constexpr double tau = 6.283185307179586476925286766559;
  if (8 * k > n) return taylor_sin(tau * (n - 4 * k) / (4.0 * n));
  return taylor_cos(tau * k / n);
}
constexpr double unit_sin(int k, int n) { return unit_cos(4 * k - n, 4 * n); }

template <class V>
struct Complex {
  V re, im;
  friend PW_INLINE Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
  friend PW_INLINE Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
};
template <class V>
PW_INLINE Complex<V> add_i(Complex<V> a, Complex<V> b) { return {a.re - b.im, a.im + b.re}; }  // a + i b
template <class V>
PW_INLINE Complex<V> sub_i(Complex<V> a, Complex<V> b) { return {a.re + b.im, a.im - b.re}; }  // a - i b
template <class V>
PW_INLINE Complex<V> multiply(Complex<V> a, V wr, V wi) { return {fms(a.re, wr, a.im * wi), fma(a.re, wi, a.im * wr)}; }

// a exp(-2 pi i K / N)
template <int K, int N, class V>
PW_INLINE Complex<V> rotate(Complex<V> a) {
  using T = typename V::value_type;
  constexpr int k = K % N;
  if constexpr (k == 0) return a;
  else if constexpr (4 * k == N) return {a.im, -a.re};
  else if constexpr (2 * k == N) return {-a.re, -a.im};
  else if constexpr (4 * k == 3 * N) return {-a.im, a.re};
  else if constexpr (8 * k == N) {
    const V s = V::broadcast(static_cast<T>(unit_cos(1, 8)));
    return {s * (a.re + a.im), s * (a.im - a.re)};
  } else if constexpr (8 * k == 3 * N) {
    const V s = V::broadcast(static_cast<T>(unit_cos(1, 8)));
    return {s * (a.im - a.re), -(s * (a.re + a.im))};
  } else {
    return multiply(a, V::broadcast(static_cast<T>(unit_cos(k, N))), V::broadcast(static_cast<T>(-unit_sin(k, N))));
  }
}

constexpr int first_factor(int r) {  // the factor that Dft<R> splits off; R itself when R is prime or has its own code
  switch (r) {
    case 6: return 2;
    case 8: return 2;
    case 9: return 3;
    case 10: return 2;
    case 12: return 4;
    case 15: return 3;
    case 16: return 4;
    case 20: return 4;
    default: return r;
  }
}

template <int R>
struct Dft {
  // Composite R = A B: transforms of length A over the inputs B apart, rotations, transforms of length B.
  static constexpr int A = first_factor(R), B = R / A;

  template <class V>
  static PW_INLINE void run(Complex<V>* x) {
    if constexpr (A == R) odd_prime(x);
    else
      composite<V>([&](auto k) PW_LAMBDA { return x[k.value]; }, [&](auto k, Complex<V> y) PW_LAMBDA { x[k.value] = y; });
  }

  // The inputs are fetched column by column and the outputs given away row by row, which keeps registers free.
  template <class V, class Load, class Store>
  static PW_INLINE void composite(Load&& load, Store&& store) {
    Complex<V> y[R];
    static_for<B>([&](auto b) PW_LAMBDA {
      Complex<V> column[A];
      static_for<A>([&](auto a) PW_LAMBDA { column[a.value] = load(std::integral_constant<int, b.value + B * a.value>{}); });
      Dft<A>::run(column);
      static_for<A>([&](auto a) PW_LAMBDA { y[a.value * B + b.value] = rotate<a.value * b.value, R>(column[a.value]); });
    });
    static_for<A>([&](auto a) PW_LAMBDA {
      Dft<B>::run(y + a.value * B);
      static_for<B>([&](auto b) PW_LAMBDA { store(std::integral_constant<int, a.value + A * b.value>{}, y[a.value * B + b.value]); });
    });
  }

 private:
  // Odd prime R: inputs k and R - k share their cosines and sines.
  template <class V>
  static PW_INLINE void odd_prime(Complex<V>* x) {
    using T = typename V::value_type;
    constexpr int H = (R - 1) / 2;
    const Complex<V> first = x[0];
    Complex<V> even[H], odd[H];
    static_for<H>([&](auto h) PW_LAMBDA {
      constexpr int k = h.value + 1;
      even[h.value] = x[k] + x[R - k];
      odd[h.value] = x[k] - x[R - k];
      x[0] = x[0] + even[h.value];
    });
    static_for<H>([&](auto g) PW_LAMBDA {
      constexpr int j = g.value + 1;
      Complex<V> c = first, s{V::zero(), V::zero()};
      static_for<H>([&](auto h) PW_LAMBDA {
        constexpr int jk = j * (h.value + 1) % R;
        const V cosine = V::broadcast(static_cast<T>(unit_cos(jk, R))), sine = V::broadcast(static_cast<T>(unit_sin(jk, R)));
        c = {fma(cosine, even[h.value].re, c.re), fma(cosine, even[h.value].im, c.im)};
        s = {fma(sine, odd[h.value].re, s.re), fma(sine, odd[h.value].im, s.im)};
      });
      x[j] = sub_i(c, s);
      x[R - j] = add_i(c, s);
    });
  }
};

template <>
struct Dft<1> {
  template <class V>
  static PW_INLINE void run(Complex<V>*) {}
};

template <>
struct Dft<2> {
  template <class V>
  static PW_INLINE void run(Complex<V>* x) {
    const Complex<V> a = x[0], b = x[1];
    x[0] = a + b;
    x[1] = a - b;
  }
};

template <>
struct Dft<4> {
  template <class V>
  static PW_INLINE void run(Complex<V>* x) {
    const Complex<V> s = x[0] + x[2], d = x[0] - x[2], t = x[1] + x[3], u = x[1] - x[3];
    x[0] = s + t;
    x[1] = sub_i(d, u);
    x[2] = s - t;
    x[3] = add_i(d, u);
  }
};

template <>
struct Dft<8> {
  // Two transforms of length 4; the rotations by 45 degrees ride on the last additions as fma.
  template <class V>
  static PW_INLINE void run(Complex<V>* x) {
    using T = typename V::value_type;
    Complex<V> e[4] = {x[0], x[2], x[4], x[6]}, o[4] = {x[1], x[3], x[5], x[7]};
    Dft<4>::run(e);
    Dft<4>::run(o);
    const V s = V::broadcast(static_cast<T>(unit_cos(1, 8)));
    const Complex<V> a{o[1].re + o[1].im, o[1].im - o[1].re}, b{o[3].im - o[3].re, o[3].re + o[3].im};
    x[0] = e[0] + o[0];
    x[4] = e[0] - o[0];
    x[1] = {fma(s, a.re, e[1].re), fma(s, a.im, e[1].im)};
    x[5] = {fnma(s, a.re, e[1].re), fnma(s, a.im, e[1].im)};
    x[2] = sub_i(e[2], o[2]);
    x[6] = add_i(e[2], o[2]);
    x[3] = {fma(s, b.re, e[3].re), fnma(s, b.im, e[3].im)};
    x[7] = {fnma(s, b.re, e[3].re), fma(s, b.im, e[3].im)};
  }
};

// The transform of load(0), ..., load(R - 1), handed to store(k, value); k is a compile-time constant.
template <int R, class V, class Load, class Store>
PW_INLINE void dft(Load&& load, Store&& store) {
  if constexpr (R > 8 && first_factor(R) != R) {
    Dft<R>::template composite<V>(load, store);
  } else {
    Complex<V> x[R];
    static_for<R>([&](auto k) PW_LAMBDA { x[k.value] = load(k); });
    Dft<R>::run(x);
    static_for<R>([&](auto k) PW_LAMBDA { store(k, x[k.value]); });
  }
}

}  // namespace
