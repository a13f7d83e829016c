// Small Hermitian matrices, one per lane. M is the largest order; the order n may be less if M is above 2.
#pragma once

#include "polar.hpp"

namespace {

PW_INLINE constexpr int below(int i, int k) { return i * (i - 1) / 2 + k; }  // where entry (i, k), i > k, is kept

// f(0), ... f(n - 1); unrolled for small matrices, whose entries then stay in registers.
template <int M, class F>
PW_INLINE void each(int n, F&& f) {
  if constexpr (M <= 2) static_for<M>([&](auto i) PW_LAMBDA { f(static_cast<int>(i.value)); });
  else
    for (int i = 0; i < n; ++i) f(i);
}
// The same for 0 ... limit - 1 where limit <= n may depend on an index.
template <int M, class F>
PW_INLINE void each_below(int limit, F&& f) {
  if constexpr (M <= 2) {
    static_for<M>([&](auto i) PW_LAMBDA {
      if (static_cast<int>(i.value) < limit) f(static_cast<int>(i.value));
    });
  } else {
    for (int i = 0; i < limit; ++i) f(i);
  }
}

template <class V, int M>
struct Hermitian {
  using T = typename V::value_type;
  V diagonal[M];
  Complex<V> lower[M > 1 ? M * (M - 1) / 2 : 1];

  PW_INLINE Complex<V> at(int i, int k) const {
    if (i == k) return {diagonal[i], V::zero()};
    if (i > k) return lower[below(i, k)];
    return {lower[below(k, i)].re, -lower[below(k, i)].im};
  }
  // f(where it is kept) for all entries below the diagonal
  template <class F>
  static PW_INLINE void each_pair(int n, F&& f) {
    if constexpr (M == 1) return;
    else if constexpr (M == 2) f(0);
    else
      for (int q = 0; q < n * (n - 1) / 2; ++q) f(q);
  }
  // f(entry, index of its row in memory) for all real scalars
  template <class F>
  PW_INLINE void for_each(int n, F&& f) {
    each<M>(n, [&](int i) PW_LAMBDA { f(diagonal[i], i); });
    each_pair(n, [&](int q) PW_LAMBDA {
      f(lower[q].re, n + 2 * q);
      f(lower[q].im, n + 2 * q + 1);
    });
  }
  PW_INLINE void load(int n, const T* rows, std::size_t stride) {
    for_each(n, [&](V& x, int i) PW_LAMBDA { x = V::load(rows + static_cast<std::size_t>(i) * stride); });
  }
  // rows += this
  PW_INLINE void add_to(int n, T* rows, std::size_t stride) {
    for_each(n, [&](V& x, int i) PW_LAMBDA {
      T* row = rows + static_cast<std::size_t>(i) * stride;
      (V::load(row) + x).store(row);
    });
  }
  // this = weight z z^H + this
  PW_INLINE void add_outer(int n, V weight, const Complex<V>* z) {
    each<M>(n, [&](int i) PW_LAMBDA {
      const Complex<V> w{weight * z[i].re, weight * z[i].im};
      diagonal[i] = fma(w.re, z[i].re, fma(w.im, z[i].im, diagonal[i]));
      each_below<M>(i, [&](int k) PW_LAMBDA { lower[below(i, k)] = lower[below(i, k)] + times_conjugate(w, z[k]); });
    });
  }
  PW_INLINE void multiply_vector(int n, const Complex<V>* x, Complex<V>* y) const {
    each<M>(n, [&](int i) PW_LAMBDA {
      y[i] = {diagonal[i] * x[i].re, diagonal[i] * x[i].im};
      each<M>(n, [&](int k) PW_LAMBDA {
        if (k < i) y[i] = y[i] + multiply(lower[below(i, k)], x[k].re, x[k].im);
        if (k > i) y[i] = y[i] + times_conjugate(x[k], lower[below(k, i)]);
      });
    });
  }
};

// trace(A B)
template <class V, int M>
PW_INLINE V trace_of_product(int n, const Hermitian<V, M>& a, const Hermitian<V, M>& b) {
  V half = V::zero(), result = V::zero();
  each<M>(n, [&](int i) PW_LAMBDA { result = fma(a.diagonal[i], b.diagonal[i], result); });
  a.each_pair(n, [&](int q) PW_LAMBDA { half = fma(a.lower[q].re, b.lower[q].re, fma(a.lower[q].im, b.lower[q].im, half)); });
  return fma(V::broadcast(2), half, result);
}

// A = L D L^H, L with ones on its diagonal. Pivots stay above the rounding of what they are left of: of a matrix without an inverse
// this makes one that has.
template <class V, int M>
struct Factored {
  using T = typename V::value_type;
  static constexpr T smallest_share = sizeof(T) == 4 ? T(5e-7) : T(1e-15);
  V pivot[M], inverse[M];
  Complex<V> lower[M > 1 ? M * (M - 1) / 2 : 1];

  PW_INLINE Factored(int n, const Hermitian<V, M>& a) {
    each<M>(n, [&](int i) PW_LAMBDA {
      V d = a.diagonal[i];
      each_below<M>(i, [&](int k) PW_LAMBDA {
        Complex<V> s = a.lower[below(i, k)];
        each_below<M>(k, [&](int m) PW_LAMBDA {
          const Complex<V> t = times_conjugate(lower[below(i, m)], lower[below(k, m)]);
          s = s - Complex<V>{pivot[m] * t.re, pivot[m] * t.im};
        });
        const Complex<V> l{inverse[k] * s.re, inverse[k] * s.im};
        lower[below(i, k)] = l;
        d = fnma(squared(l), pivot[k], d);
      });
      pivot[i] = max(d, V::broadcast(smallest_share) * a.diagonal[i]);
      inverse[i] = select_positive(pivot[i], V::broadcast(1) / pivot[i], V::zero());
    });
  }
  // x = A^-1 x
  PW_INLINE void solve(int n, Complex<V>* x) const {
    each<M>(n, [&](int i) PW_LAMBDA {
      each_below<M>(i, [&](int k) PW_LAMBDA { x[i] = x[i] - multiply(lower[below(i, k)], x[k].re, x[k].im); });
    });
    each<M>(n, [&](int row) PW_LAMBDA {
      const int i = (M <= 2 ? M : n) - 1 - row;
      x[i] = {inverse[i] * x[i].re, inverse[i] * x[i].im};
      each<M>(n, [&](int k) PW_LAMBDA {
        if (k > i) x[i] = x[i] - times_conjugate(x[k], lower[below(k, i)]);
      });
    });
  }
  PW_INLINE Hermitian<V, M> inverted(int n) const {
    Hermitian<V, M> result;
    each<M>(n, [&](int k) PW_LAMBDA {
      Complex<V> column[M];
      each<M>(n, [&](int i) PW_LAMBDA { column[i] = {i == k ? V::broadcast(1) : V::zero(), V::zero()}; });
      solve(n, column);
      result.diagonal[k] = column[k].re;
      each<M>(n, [&](int i) PW_LAMBDA {
        if (i > k) result.lower[below(i, k)] = column[i];
      });
    });
    return result;
  }
  // Of A exp(-offset); 0 in directions of A that are 0.
  PW_INLINE V log_determinant(int n, V offset) const {
    V total = V::zero();
    each<M>(n, [&](int i) PW_LAMBDA {
      total = total + select_positive(pivot[i], log(max(pivot[i], V::broadcast(smallest_normal<T>))) - offset, V::zero());
    });
    return total;
  }
};

}  // namespace
