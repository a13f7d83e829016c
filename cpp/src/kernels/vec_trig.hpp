// Sines and cosines of whole vectors, in double precision.
#pragma once

#include "butterfly.hpp"

namespace {

// x rounded to an integer, |x| < 2^51: the sum with 1.5 2^52 has no bits left for a fraction.
template <int L>
PW_INLINE Vec<double, L> round_to_integer(Vec<double, L> x) {
  const auto shift = Vec<double, L>::broadcast(6755399441055744.0);
  return (x + shift) - shift;
}

// exp(2 pi i c) to about 2 ulp: c is reduced to a quarter turn and an eighth to either side of it, where Taylor's series
// end after x^16.
template <int L>
PW_INLINE Complex<Vec<double, L>> turn(Vec<double, L> cycles) {
  using V = Vec<double, L>;
  const auto number = [](double x) PW_LAMBDA { return V::broadcast(x); };
  cycles = cycles - round_to_integer(cycles);
  const V quarter = round_to_integer(cycles * number(4.0));  // -2..2
  const V x = fnma(quarter, number(0.25), cycles) * number(6.283185307179586476925286766559), square = x * x;
  constexpr double sine_terms[] = {-1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800.0, -1.0 / 1307674368000.0};
  constexpr double cosine_terms[] = {-1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600.0, -1.0 / 87178291200.0,
                                     1.0 / 20922789888000.0};
  V s = number(sine_terms[6]), c = number(cosine_terms[7]);
  static_for<6>([&](auto i) PW_LAMBDA { s = fma(s, square, number(sine_terms[5 - i.value])); });
  static_for<7>([&](auto i) PW_LAMBDA { c = fma(c, square, number(cosine_terms[6 - i.value])); });
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
