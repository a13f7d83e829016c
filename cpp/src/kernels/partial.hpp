// Loads and stores that stop at the end of a row: lanes beyond it read as zero and are not written.
#pragma once

#include "butterfly.hpp"

namespace {

template <class V, class T>
PW_INLINE V load_part(const T* p, std::size_t count) {
  if (count >= static_cast<std::size_t>(V::lanes)) return V::load(p);
  T lane[V::lanes] = {};
  for (std::size_t i = 0; i < count; ++i) lane[i] = p[i];
  return V::load(lane);
}
template <class V, class T>
PW_INLINE Complex<V> load_interleaved(const T* p, std::size_t count) {
  constexpr std::size_t L = V::lanes;
  Complex<V> z;
  const V lo = load_part<V>(p, 2 * count), hi = 2 * count > L ? load_part<V>(p + L, 2 * count - L) : V::zero();
  deinterleave(lo, hi, z.re, z.im);
  return z;
}
template <class V, class T>
PW_INLINE void store_part(V x, T* p, std::size_t count) {
  if (count >= static_cast<std::size_t>(V::lanes)) return x.store(p);
  T lane[V::lanes];
  x.store(lane);
  for (std::size_t i = 0; i < count; ++i) p[i] = lane[i];
}
template <class V, class T>
PW_INLINE void store_interleaved(Complex<V> z, T* p, std::size_t count) {
  constexpr std::size_t L = V::lanes;
  V lo, hi;
  interleave(z.re, z.im, lo, hi);
  store_part(lo, p, 2 * count);
  if (2 * count > L) store_part(hi, p + L, 2 * count - L);
}

}  // namespace
