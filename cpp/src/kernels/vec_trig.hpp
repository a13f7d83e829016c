// Sines and cosines of whole vectors.
#pragma once

#include "butterfly.hpp"

namespace {

// x rounded to an integer, |x| < 2^22 (float), 2^51 (double): the sum has no bits left for a fraction.
template <class V>
PW_INLINE V round_to_integer(V x) {
  using T = typename V::value_type;
  const auto shift = V::broadcast(sizeof(T) == 4 ? T(12582912.0) : T(6755399441055744.0));
  return (x + shift) - shift;
}

// exp(2 pi i c) to about 2 ulp for |c| <= 1/2: c is reduced to a quarter turn and an eighth to either side of it, where
// Taylor's series end after x^10 (float), x^16 (double).
template <class V>
PW_INLINE Complex<V> turn(V cycles) {
  using T = typename V::value_type;
  const auto number = [](double x) PW_LAMBDA { return V::broadcast(static_cast<T>(x)); };
  const V quarter = round_to_integer(cycles * number(4.0));  // -2..2
  const V x = fnma(quarter, number(0.25), cycles) * number(6.283185307179586476925286766559), square = x * x;
  constexpr double sine_terms[] = {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0, -1.0 / 1307674368000.0};
  constexpr double cosine_terms[] = {-1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600.0, -1.0 / 87178291200.0,
                                     1.0 / 20922789888000.0};
  constexpr int sines = sizeof(T) == 4 ? 4 : 7, cosines = sizeof(T) == 4 ? 5 : 8;
  V s = number(sine_terms[sines - 1]), c = number(cosine_terms[cosines - 1]);
  static_for<sines - 1>([&](auto i) PW_LAMBDA { s = fma(s, square, number(sine_terms[sines - 2 - i.value])); });
  static_for<cosines - 1>([&](auto i) PW_LAMBDA { c = fma(c, square, number(cosine_terms[cosines - 2 - i.value])); });
  s = fma(s * square, x, x);
  c = fma(c, square, number(1.0));
  // Odd quarters exchange the two; the cosine is negative around half a turn, the sine in the second half of a turn.
  const V odd = quarter * quarter, is_odd = odd * (number(4.0) - odd);
  const V re = select_positive(is_odd, s, c), im = select_positive(is_odd, c, s);
  // quarter:      -2  -1   0   1   2
  // re:           -c   s   c  -s  -c
  // im:           -s  -c   s   c  -s
  const V three_halves = number(1.5), half = number(0.5);
  const V re_negative = select_positive(quarter - half, number(1.0), select_positive(number(-1.5) - quarter, number(1.0), number(-1.0)));
  const V im_negative = select_positive(number(-0.5) - quarter, number(1.0), select_positive(quarter - three_halves, number(1.0), number(-1.0)));
  return {select_positive(re_negative, -re, re), select_positive(im_negative, -im, im)};
}

}  // namespace
