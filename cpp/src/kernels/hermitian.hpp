// Small Hermitian matrices, one per lane. M is the largest order, the order n may be less.
#pragma once

#include "polar.hpp"

namespace {

PW_INLINE constexpr int below(int i, int k) { return i * (i - 1) / 2 + k; }  // where entry (i, k), i > k, is kept

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
  // f(entry, index of its row in memory) for all real scalars
  template <class F>
  PW_INLINE void for_each(int n, F&& f) {
    for (int i = 0; i < n; ++i) f(diagonal[i], i);
    for (int q = 0; q < n * (n - 1) / 2; ++q) {
      f(lower[q].re, n + 2 * q);
      f(lower[q].im, n + 2 * q + 1);
    }
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
    for (int i = 0; i < n; ++i) {
      const Complex<V> w{weight * z[i].re, weight * z[i].im};
      diagonal[i] = fma(w.re, z[i].re, fma(w.im, z[i].im, diagonal[i]));
      for (int k = 0; k < i; ++k) lower[below(i, k)] = lower[below(i, k)] + times_conjugate(w, z[k]);
    }
  }
  PW_INLINE void multiply_vector(int n, const Complex<V>* x, Complex<V>* y) const {
    for (int i = 0; i < n; ++i) {
      y[i] = {diagonal[i] * x[i].re, diagonal[i] * x[i].im};
      for (int k = 0; k < i; ++k) y[i] = y[i] + multiply(lower[below(i, k)], x[k].re, x[k].im);
      for (int k = i + 1; k < n; ++k) y[i] = y[i] + times_conjugate(x[k], lower[below(k, i)]);
    }
  }
};

// trace(A B)
template <class V, int M>
PW_INLINE V trace_of_product(int n, const Hermitian<V, M>& a, const Hermitian<V, M>& b) {
  V half = V::zero(), result = V::zero();
  for (int i = 0; i < n; ++i) result = fma(a.diagonal[i], b.diagonal[i], result);
  for (int q = 0; q < n * (n - 1) / 2; ++q) half = fma(a.lower[q].re, b.lower[q].re, fma(a.lower[q].im, b.lower[q].im, half));
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
    for (int i = 0; i < n; ++i) {
      V d = a.diagonal[i];
      for (int k = 0; k < i; ++k) {
        Complex<V> s = a.lower[below(i, k)];
        for (int m = 0; m < k; ++m) {
          const Complex<V> t = times_conjugate(lower[below(i, m)], lower[below(k, m)]);
          s = s - Complex<V>{pivot[m] * t.re, pivot[m] * t.im};
        }
        const Complex<V> l{inverse[k] * s.re, inverse[k] * s.im};
        lower[below(i, k)] = l;
        d = fnma(squared(l), pivot[k], d);
      }
      pivot[i] = max(d, V::broadcast(smallest_share) * a.diagonal[i]);
      inverse[i] = select_positive(pivot[i], V::broadcast(1) / pivot[i], V::zero());
    }
  }
  // x = A^-1 x
  PW_INLINE void solve(int n, Complex<V>* x) const {
    for (int i = 1; i < n; ++i)
      for (int k = 0; k < i; ++k) x[i] = x[i] - multiply(lower[below(i, k)], x[k].re, x[k].im);
    for (int i = n - 1; i >= 0; --i) {
      x[i] = {inverse[i] * x[i].re, inverse[i] * x[i].im};
      for (int k = i + 1; k < n; ++k) x[i] = x[i] - times_conjugate(x[k], lower[below(k, i)]);
    }
  }
  PW_INLINE Hermitian<V, M> inverted(int n) const {
    Hermitian<V, M> result;
    for (int k = 0; k < n; ++k) {
      Complex<V> column[M];
      for (int i = 0; i < n; ++i) column[i] = {i == k ? V::broadcast(1) : V::zero(), V::zero()};
      solve(n, column);
      result.diagonal[k] = column[k].re;
      for (int i = k + 1; i < n; ++i) result.lower[below(i, k)] = column[i];
    }
    return result;
  }
  // Of A exp(-offset); 0 in directions of A that are 0.
  PW_INLINE V log_determinant(int n, V offset) const {
    V total = V::zero();
    for (int i = 0; i < n; ++i)
      total = total + select_positive(pivot[i], log(max(pivot[i], V::broadcast(smallest_normal<T>))) - offset, V::zero());
    return total;
  }
};

}  // namespace
