// How the sources share the mixing error of a bin.
#pragma once

#include "partial.hpp"
#include "phasewise/kernels/inversion_table.hpp"
#include "vec_math.hpp"

namespace {

using phasewise::InversionStep;
using phasewise::Sharing;

// Squares below this are zero for the purpose of a phase.
template <class T>
inline constexpr T smallest_square = sizeof(T) == 4 ? T(1e-36) : T(1e-290);

// Magnitudes below this may vanish.
template <class T>
inline constexpr T smallest_magnitude = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);

// The root of what is not negative: float32 by estimate and Newton step, to about 2 ulp.
template <class V>
PW_INLINE V fast_root(V a) {
  using T = typename V::value_type;
  if constexpr (sizeof(T) == 4 && V::lanes >= 8) {
    const V floor = V::broadcast(smallest_square<T>);
    return select_positive(a - floor, a * reciprocal_sqrt(max(a, floor)), V::zero());
  } else {
    return sqrt(a);
  }
}

// The shares in the bins k to k + lanes, of which `count` exist.
template <class V, class T>
class Shares {
 public:
  PW_INLINE Shares(const InversionStep<T>& s, V equal, std::size_t k, std::size_t count) : s_(s), equal_(equal), k_(k), count_(count) {
    if (s.sharing != Sharing::power) return;
    if (s.exponent > T(1)) {  // relative to the loudest source, so that powers neither overflow nor vanish
      V largest = V::zero();
      for (std::size_t j = 0; j < s.sources; ++j) largest = max(largest, magnitude(j));
      scale_ = reciprocal(max(largest, V::broadcast(smallest_magnitude<T>)));
    }
    for (std::size_t j = 0; j < s.sources; ++j) {
      const V power = raised(j);
      if (j < kept) power.store(powers_ + j * V::lanes);
      total_ = total_ + power;
    }
    inverse_ = reciprocal(max(total_, V::broadcast(smallest_magnitude<T>)));
  }

  PW_INLINE V operator()(std::size_t j) const {
    if (s_.sharing == Sharing::equal) return equal_;
    if (s_.sharing == Sharing::given) return load_part<V>(s_.weights + j * s_.row_stride + k_, count_);
    const V power = j < kept ? V::load(powers_ + j * V::lanes) : raised(j);
    return select_positive(total_ - V::broadcast(smallest_magnitude<T>), power * inverse_, equal_);
  }

 private:
  static constexpr std::size_t kept = 8;  // sources; the powers of others are computed twice

  PW_INLINE V magnitude(std::size_t j) const { return load_part<V>(s_.magnitudes + j * s_.row_stride + k_, count_); }
  PW_INLINE V raised(std::size_t j) const {
    const V r = s_.exponent > T(1) ? magnitude(j) * scale_ : magnitude(j), tiny = V::broadcast(smallest_magnitude<T>);
    if (s_.exponent == T(0.5)) return fast_root(r);
    if (s_.exponent == T(1)) return r;
    if (s_.exponent == T(2)) return r * r;
    return select_positive(r - tiny, pow(max(r, tiny), V::broadcast(s_.exponent)), V::zero());
  }

  const InversionStep<T>& s_;
  V equal_, scale_ = V::zero(), total_ = V::zero(), inverse_ = V::zero();
  std::size_t k_, count_;
  alignas(64) T powers_[kept * V::lanes];
};

}  // namespace
