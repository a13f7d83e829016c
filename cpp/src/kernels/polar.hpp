// Moduli and phasors of complex numbers, and the phases that sources start from in a frame.
#pragma once

#include "partial.hpp"
#include "phasewise/kernels/phase_table.hpp"
#include "vec_math.hpp"

namespace {

template <class T>
inline constexpr T smallest_normal = sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);

template <class V>
PW_INLINE V absolute(V a) { return max(a, -a); }
template <class V>
PW_INLINE V squared(Complex<V> z) { return fma(z.re, z.re, z.im * z.im); }
template <class V>
PW_INLINE Complex<V> times_conjugate(Complex<V> a, Complex<V> b) { return {fma(a.re, b.re, a.im * b.im), fms(a.im, b.re, a.re * b.im)}; }

template <class V>
struct Polar {
  V modulus;
  Complex<V> phasor;
};
// Of any complex number; the phasor of 0 is 1.
template <class V>
PW_INLINE Polar<V> polar(Complex<V> z) {
  using T = typename V::value_type;
  const V largest = max(absolute(z.re), absolute(z.im)), unit = max(largest, constant<V>(smallest_normal<T>));
  const Complex<V> ratio{z.re / unit, z.im / unit};
  const V square = squared(ratio), inverse = reciprocal_sqrt(square);
  return {unit * sqrt(square), {select_positive(largest, ratio.re * inverse, constant<V>(T(1))),
                                select_positive(largest, ratio.im * inverse, V::zero())}};
}

// The phasor that source j of a block starts from in bins k.., relative to the mixture's.
template <class V, class Block>
PW_INLINE Complex<V> starting_phasor(const Block& b, std::size_t j, std::size_t k, std::size_t count, Complex<V> mixture) {
  using phasewise::PhaseStart;
  using T = typename V::value_type;
  if (b.starts[j] == PhaseStart::mixture) return {constant<V>(1), V::zero()};
  const std::size_t row = j * b.state_stride + k;
  Complex<V> u{load_part<V>(b.re + row, count), load_part<V>(b.im + row, count)};
  if (b.starts[j] == PhaseStart::turned) {
    const std::size_t turned = j * b.turn_stride + k;
    u = multiply(u, load_part<V>(b.turn_re + turned, count), load_part<V>(b.turn_im + turned, count));
    // The modulus has drifted by a rounding: one Newton step towards 1.
    const V correction = fnma(constant<V>(T(0.5)), squared(u), constant<V>(T(1.5)));
    u = {u.re * correction, u.im * correction};
  }
  return times_conjugate(u, mixture);
}

}  // namespace
