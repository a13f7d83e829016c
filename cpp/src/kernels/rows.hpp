// What is done to whole rows of spectra while they are in cache.
#pragma once

#include "phasewise/kernels/transform_table.hpp"
#include "vec_math.hpp"

namespace {

using phasewise::FilterStretch;
using phasewise::FrameView;

// f(V, i) over [0, n): whole vectors, then single lanes
template <class T, class F>
PW_INLINE void for_each_lane(std::size_t n, F&& f) {
  using V = Vec<T, native_lanes<T>>;
  std::size_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) f(V::zero(), i);
  for (; i < n; ++i) f(Vec<T, 1>::zero(), i);
}

template <class T>
void multiply_arrays(const T* a, const T* b, T* out, std::size_t n) {
  for_each_lane<T>(n, [&](auto v, std::size_t i) PW_LAMBDA { (decltype(v)::load(a + i) * decltype(v)::load(b + i)).store(out + i); });
}

template <class T>
void raise_array(T* x, std::size_t n, T exponent) {
  for_each_lane<T>(n, [&](auto v, std::size_t i) PW_LAMBDA {
    using V = decltype(v);
    const V value = V::load(x + i), tiny = constant<V>(sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022);
    const V power = pow(max(value, tiny), V::broadcast(exponent));
    select_positive(value, power, value).store(x + i);  // keeps zero, and what is no number
  });
}

template <class T>
void log_floor_array(T* x, std::size_t n, T floor) {
  for_each_lane<T>(n, [&](auto v, std::size_t i) PW_LAMBDA {
    using V = decltype(v);
    log(max(V::load(x + i), V::broadcast(floor))).store(x + i);
  });
}

template <class T>
void filter_array(const FilterStretch<T>* filters, std::size_t count, const T* in, T* out) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t f = 0; f < count; ++f) {
    const FilterStretch<T>& stretch = filters[f];
    const T *x = in + stretch.first, *w = stretch.weights;
    V total = V::zero();
    std::size_t i = 0;
    for (; i + V::lanes <= stretch.length; i += V::lanes) total = fma(V::load(x + i), V::load(w + i), total);
    T sum_of_rest = T(0);
    for (; i < stretch.length; ++i) sum_of_rest += x[i] * w[i];
    out[f] = sum(total) + sum_of_rest;
  }
}

// Z[k] = A[k] + i B[k] and Z[n - k] = conj A[k] + i conj B[k]
template <class T>
void join_two_sided_array(const FrameView<T>& frame, const T* PW_RESTRICT a, const T* PW_RESTRICT b, T* PW_RESTRICT out) {
  for (std::size_t k = 0; k < frame.bins; ++k) {
    out[2 * k] = a[2 * k] - b[2 * k + 1];
    out[2 * k + 1] = a[2 * k + 1] + b[2 * k];
  }
  for (std::size_t k = 1; 2 * k < frame.n; ++k) {
    out[2 * (frame.n - k)] = a[2 * k] + b[2 * k + 1];
    out[2 * (frame.n - k) + 1] = b[2 * k] - a[2 * k + 1];
  }
}

// A[k] = (Z[k] + conj Z[n - k]) / 2 and B[k] = (Z[k] - conj Z[n - k]) / 2i
template <class T>
void split_two_sided_array(const FrameView<T>& frame, const T* PW_RESTRICT z, int part, T* PW_RESTRICT out) {
  const T half = T(0.5);
  for (std::size_t k = 0; k < frame.bins; ++k) {
    const T *p = z + 2 * k, *q = z + 2 * (k == 0 ? 0 : frame.n - k);
    out[2 * k] = half * (part == 0 ? p[0] + q[0] : p[1] + q[1]);
    out[2 * k + 1] = half * (part == 0 ? p[1] - q[1] : q[0] - p[0]);
  }
}

}  // namespace
