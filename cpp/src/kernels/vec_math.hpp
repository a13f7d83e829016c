// Logarithm, power and reciprocal of short vectors, and the floating-point mode of the kernels that need them.
//
// Arguments of log and pow are positive and normal. Worst errors found (cpp/tests/vec_math_test.cpp): reciprocal 0.6 ulp; log
// 0.8 ulp of max(|log a|, 1); pow 4 ulp with fused multiply-add, otherwise 2 + |p log2 a| ulp. Powers saturate near the ends
// of the range of normal numbers.
#pragma once

#include "vec.hpp"

namespace {

template <class T>
struct FloatBits;
template <>
struct FloatBits<float> {
  using Int = int;
  static constexpr int mantissa = 23;
  static constexpr Int sqrt_half = 0x3f3504f3;
  static constexpr float rounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  static constexpr float lowest_exponent = -125.0f, highest_exponent = 127.0f;
};
template <>
struct FloatBits<double> {
  using Int = long long;
  static constexpr int mantissa = 52;
  static constexpr Int sqrt_half = 0x3fe6a09e667f3bcdLL;
  static constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double lowest_exponent = -1021.0, highest_exponent = 1023.0;
};

// The lanes as integers; vectors and scalars share the operators, so one code serves both.
template <class V>
PW_INLINE auto to_bits(V a) {
  if constexpr (V::lanes == 1) {
    typename FloatBits<typename V::value_type>::Int i;
    std::memcpy(&i, &a.v, sizeof i);
    return i;
  } else {
    return reinterpret_cast<typename V::index>(a.v);
  }
}
template <class V, class I>
PW_INLINE V from_bits(I i) {
  V a;
  std::memcpy(&a.v, &i, sizeof i);
  return a;
}

template <class V>
PW_INLINE V constant(double x) {
  return V::broadcast(static_cast<typename V::value_type>(x));
}
template <class V>
PW_INLINE V clamp(V a, double low, double high) {
  return min(max(a, constant<V>(low)), constant<V>(high));
}

// c[0] + c[1] x + ... by Horner's rule
template <class V, int N>
PW_INLINE V polynomial(V x, const double (&c)[N]) {
  V y = constant<V>(c[N - 1]);
  static_for<N - 1>([&](auto i) PW_LAMBDA { y = fma(y, x, constant<V>(c[N - 2 - i.value])); });
  return y;
}

// a = 2^exponent m with m in [sqrt(1/2), sqrt(2)); returns log(m) = 2 artanh((m - 1) / (m + 1)).
template <class V>
PW_INLINE V split_log(V a, V& exponent) {
  using T = typename V::value_type;
  using B = FloatBits<T>;
  const auto above = to_bits(a) - B::sqrt_half;
  const V m = from_bits<V>(to_bits(a) - (above & ~((typename B::Int(1) << B::mantissa) - 1)));
  const auto e = above >> B::mantissa;  // arithmetic shift: rounds down
  exponent = from_bits<V>(e + to_bits(V::broadcast(B::rounder))) - V::broadcast(B::rounder);
  const V f = m - constant<V>(1), s = f / (constant<V>(1) + m), z = s * s;
  V series;
  if constexpr (sizeof(T) == 4) {
    series = polynomial(z, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9});
  } else {
    series = polynomial(z, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21});
  }
  return f - s * (f - z * series);  // 2 s + s z series, without the rounding of s in the leading term
}

template <class V>
PW_INLINE V log(V a) {
  V e;
  const V l = split_log(a, e);
  // log(2) in two parts; the first has 16 bits, so that its product with an exponent is exact.
  return fma(e, constant<V>(0.693145751953125), fma(e, constant<V>(1.4286068203094172e-6), l));
}

// i 2^mantissa: an exponent at its place in a number. Integers of either sign; C++17 does not shift negative ones to the left.
template <class V, class I>
PW_INLINE I place_exponent(I i) {
  using B = FloatBits<typename V::value_type>;
  if constexpr (V::lanes == 1) return i * (I(1) << B::mantissa);
  else return i << B::mantissa;
}

// 2^(n + r) for an integer n and |r| <= 0.6
template <class V>
PW_INLINE V exp2_parts(V shifted_n, V r) {
  using T = typename V::value_type;
  using B = FloatBits<T>;
  V y;  // sum of (r log 2)^k / k!
  if constexpr (sizeof(T) == 4) {
    y = polynomial(r, {1.0, 0.6931471805599453, 0.24022650695910072, 0.05550410866482158, 0.009618129107628477,
                       0.0013333558146428443, 0.00015403530393381608, 1.5252733804059841e-05});
  } else {
    y = polynomial(r, {1.0, 0.6931471805599453, 0.24022650695910072, 0.05550410866482158, 0.009618129107628477,
                       0.0013333558146428443, 0.00015403530393381608, 1.5252733804059841e-05, 1.321548679014431e-06,
                       1.01780860092397e-07, 7.054911620801123e-09, 4.4455382718708116e-10, 2.5678435993488206e-11,
                       1.3691488853904128e-12});
  }
  return from_bits<V>(to_bits(y) + place_exponent<V>(to_bits(shifted_n) - to_bits(V::broadcast(B::rounder))));
}

// a^p
template <class V>
PW_INLINE V pow(V a, V p) {
  using B = FloatBits<typename V::value_type>;
  V e;
  const V fraction = p * (split_log(a, e) * constant<V>(1.4426950408889634));
  const V whole = p * e, residue = fms(p, e, whole);
  const V n = clamp(whole + fraction, B::lowest_exponent, B::highest_exponent) + V::broadcast(B::rounder);
  const V r = (whole - (n - V::broadcast(B::rounder))) + (fraction + residue);
  return exp2_parts(n, clamp(r, -0.6, 0.6));  // beyond 1/2 by the rounding of n where the power is great; further if it saturates
}

// 1/a for normal a: float32 by estimate and Newton step where the instruction set has one
template <class T, int L>
PW_INLINE Vec<T, L> reciprocal(Vec<T, L> a) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && L == 16) {
    const Vec<T, L> y{(typename Vec<T, L>::type)_mm512_rcp14_ps((__m512)a.v)};
    return fma(y, fnma(a, y, Vec<T, L>::broadcast(T(1))), y);
  }
#endif
  return Vec<T, L>::broadcast(T(1)) / a;
}

// While it lives, this thread treats subnormal numbers as zero: factors that die out would otherwise stall the machine.
class FlushSubnormals {
 public:
#if defined(__SSE2__)
  FlushSubnormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040u); }
  ~FlushSubnormals() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#elif defined(__aarch64__) && defined(__GNUC__)
  FlushSubnormals() {
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(saved_));
    __asm__ __volatile__("msr fpcr, %0" : : "r"(saved_ | (1ull << 24)));
  }
  ~FlushSubnormals() { __asm__ __volatile__("msr fpcr, %0" : : "r"(saved_)); }

 private:
  unsigned long long saved_;
#else
  FlushSubnormals() {}
  ~FlushSubnormals() {}
#endif
 public:
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
};

}  // namespace
