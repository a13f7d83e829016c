// A short vector of L lanes of T, the only SIMD vocabulary of the kernels.
//
// Arithmetic and shuffles use the GCC/Clang vector extensions; fma, sqrt and the reciprocal square root name
// their instruction, because those decide the rounding. Compilers without the extensions (MSVC) get
// PW_VECTOR_BYTES == 0 from the build: every kernel then runs with one lane.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__GNUC__) || defined(__clang__)
#define PW_INLINE inline __attribute__((always_inline))
#define PW_LAMBDA __attribute__((always_inline))
#define PW_RESTRICT __restrict__
#else
#define PW_INLINE __forceinline
#define PW_LAMBDA
#define PW_RESTRICT __restrict
#endif

namespace {

// Fetch the line of p into the second-level cache; any address will do.
PW_INLINE void prefetch(const void* p) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(p, 0, 2);
#else
  static_cast<void>(p);
#endif
}

// Calls f(0), f(1), ... f(N-1) with the index as a compile-time constant, fully unrolled.
template <class F, std::size_t... I>
PW_INLINE void static_for_impl(F&& f, std::index_sequence<I...>) {
  (f(std::integral_constant<int, static_cast<int>(I)>{}), ...);
}
template <int N, class F>
PW_INLINE void static_for(F&& f) {
  static_for_impl(std::forward<F>(f), std::make_index_sequence<static_cast<std::size_t>(N)>{});
}

template <class T>
inline constexpr int native_lanes = PW_VECTOR_BYTES == 0 ? 1 : PW_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <class T, int L>
struct Vec;

// ---- one lane -------------------------------------------------------------------------------------------
template <class T>
struct Vec<T, 1> {
  using value_type = T;
  static constexpr int lanes = 1;
  T v;

  static PW_INLINE Vec load(const T* p) { return {*p}; }
  static PW_INLINE Vec broadcast(T x) { return {x}; }
  static PW_INLINE Vec zero() { return {T(0)}; }
  PW_INLINE void store(T* p) const { *p = v; }

  friend PW_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
  friend PW_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
  friend PW_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
  friend PW_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
  friend PW_INLINE Vec operator-(Vec a) { return {-a.v}; }
};

template <class T>
PW_INLINE Vec<T, 1> fma(Vec<T, 1> a, Vec<T, 1> b, Vec<T, 1> c) {
#if defined(__FMA__) || defined(__ARM_NEON)
  return {std::fma(a.v, b.v, c.v)};
#else
  return {a.v * b.v + c.v};
#endif
}
template <class T>
PW_INLINE Vec<T, 1> sqrt(Vec<T, 1> a) { return {std::sqrt(a.v)}; }
template <class T>
PW_INLINE Vec<T, 1> max(Vec<T, 1> a, Vec<T, 1> b) { return {a.v > b.v ? a.v : b.v}; }
template <class T>
PW_INLINE Vec<T, 1> min(Vec<T, 1> a, Vec<T, 1> b) { return {a.v < b.v ? a.v : b.v}; }
// a > 0 ? b : c, lane by lane
template <class T>
PW_INLINE Vec<T, 1> select_positive(Vec<T, 1> a, Vec<T, 1> b, Vec<T, 1> c) { return {a.v > T(0) ? b.v : c.v}; }
template <class T>
PW_INLINE Vec<T, 1> reverse(Vec<T, 1> a) { return a; }
template <class T>
PW_INLINE T sum(Vec<T, 1> a) { return a.v; }
template <class T>
PW_INLINE void stream(Vec<T, 1> a, T* p) { a.store(p); }
// (a0 b0 a1 b1 ...) and back
template <class T>
PW_INLINE void interleave(Vec<T, 1> a, Vec<T, 1> b, Vec<T, 1>& lo, Vec<T, 1>& hi) { lo = a; hi = b; }
template <class T>
PW_INLINE void interleave_reversed(Vec<T, 1> a, Vec<T, 1> b, Vec<T, 1>& lo, Vec<T, 1>& hi) { lo = a; hi = b; }
template <class T>
PW_INLINE void deinterleave(Vec<T, 1> lo, Vec<T, 1> hi, Vec<T, 1>& a, Vec<T, 1>& b) { a = lo; b = hi; }

#if PW_VECTOR_BYTES > 0

template <class T> struct LaneIndex;
template <> struct LaneIndex<float> { using type = int; };
template <> struct LaneIndex<double> { using type = long long; };

#if defined(__clang__)
#define PW_SHUFFLE(T, L, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PW_SHUFFLE(T, L, a, b, ...) __builtin_shuffle(a, b, typename Vec<T, L>::index{__VA_ARGS__})
#endif

// ---- L lanes --------------------------------------------------------------------------------------------
template <class T, int L>
struct Vec {
  using value_type = T;
  static constexpr int lanes = L;
  typedef T type __attribute__((vector_size(L * sizeof(T))));
  typedef typename LaneIndex<T>::type index __attribute__((vector_size(L * sizeof(T))));
  type v;

  static PW_INLINE Vec load(const T* p) {
    Vec r;
    std::memcpy(&r.v, p, sizeof(type));
    return r;
  }
  static PW_INLINE Vec broadcast(T x) { return broadcast_impl(x, std::make_index_sequence<L>{}); }
  static PW_INLINE Vec zero() { return {type{}}; }
  PW_INLINE void store(T* p) const { std::memcpy(p, &v, sizeof(type)); }

  friend PW_INLINE Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
  friend PW_INLINE Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
  friend PW_INLINE Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
  friend PW_INLINE Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
  friend PW_INLINE Vec operator-(Vec a) { return {-a.v}; }

 private:
  template <std::size_t... I>
  static PW_INLINE Vec broadcast_impl(T x, std::index_sequence<I...>) {
    return {type{(static_cast<void>(I), x)...}};
  }
};

// Store past the caches, for results that nobody reads soon; p is aligned to the vector. Ends with stream_fence().
template <class T, int L>
PW_INLINE void stream(Vec<T, L> a, T* p) {
#if defined(__AVX512F__)
  if constexpr (L * sizeof(T) == 64) return _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)a.v);
#endif
#if defined(__AVX__)
  if constexpr (L * sizeof(T) == 32) return _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)a.v);
#endif
#if defined(__SSE2__)
  if constexpr (L * sizeof(T) == 16) return _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)a.v);
#endif
  a.store(p);
}

template <class T, int L>
PW_INLINE Vec<T, L> fma(Vec<T, L> a, Vec<T, L> b, Vec<T, L> c) {
#if defined(__AVX512F__)
  if constexpr (L * sizeof(T) == 64) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v)};
    else return {(typename Vec<T, L>::type)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v)};
  }
#endif
#if defined(__FMA__)
  if constexpr (L * sizeof(T) == 32) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v)};
    else return {(typename Vec<T, L>::type)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v)};
  } else if constexpr (L * sizeof(T) == 16) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm_fmadd_ps((__m128)a.v, (__m128)b.v, (__m128)c.v)};
    else return {(typename Vec<T, L>::type)_mm_fmadd_pd((__m128d)a.v, (__m128d)b.v, (__m128d)c.v)};
  }
#elif defined(__aarch64__)
  if constexpr (L * sizeof(T) == 16) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)vfmaq_f32((float32x4_t)c.v, (float32x4_t)a.v, (float32x4_t)b.v)};
    else return {(typename Vec<T, L>::type)vfmaq_f64((float64x2_t)c.v, (float64x2_t)a.v, (float64x2_t)b.v)};
  }
#endif
  return {a.v * b.v + c.v};
}

template <class T, int L>
PW_INLINE Vec<T, L> sqrt(Vec<T, L> a) {
#if defined(__AVX512F__)
  if constexpr (L * sizeof(T) == 64) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm512_sqrt_ps((__m512)a.v)};
    else return {(typename Vec<T, L>::type)_mm512_sqrt_pd((__m512d)a.v)};
  }
#endif
#if defined(__AVX__)
  if constexpr (L * sizeof(T) == 32) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm256_sqrt_ps((__m256)a.v)};
    else return {(typename Vec<T, L>::type)_mm256_sqrt_pd((__m256d)a.v)};
  }
#endif
#if defined(__SSE2__)
  if constexpr (L * sizeof(T) == 16) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)_mm_sqrt_ps((__m128)a.v)};
    else return {(typename Vec<T, L>::type)_mm_sqrt_pd((__m128d)a.v)};
  }
#elif defined(__aarch64__)
  if constexpr (L * sizeof(T) == 16) {
    if constexpr (sizeof(T) == 4) return {(typename Vec<T, L>::type)vsqrtq_f32((float32x4_t)a.v)};
    else return {(typename Vec<T, L>::type)vsqrtq_f64((float64x2_t)a.v)};
  }
#endif
  Vec<T, L> r = a;
  for (int i = 0; i < L; ++i) r.v[i] = std::sqrt(a.v[i]);
  return r;
}

template <class T, int L>
PW_INLINE Vec<T, L> max(Vec<T, L> a, Vec<T, L> b) { return {a.v > b.v ? a.v : b.v}; }
template <class T, int L>
PW_INLINE Vec<T, L> min(Vec<T, L> a, Vec<T, L> b) { return {a.v < b.v ? a.v : b.v}; }
template <class T, int L>
PW_INLINE Vec<T, L> select_positive(Vec<T, L> a, Vec<T, L> b, Vec<T, L> c) {
  return {a.v > typename Vec<T, L>::type{} ? b.v : c.v};
}

template <class T, int L, std::size_t... I>
PW_INLINE Vec<T, L> reverse_impl(Vec<T, L> a, std::index_sequence<I...>) {
  return {PW_SHUFFLE(T, L, a.v, a.v, static_cast<int>(L - 1 - I)...)};
}
template <class T, int L>
PW_INLINE Vec<T, L> reverse(Vec<T, L> a) { return reverse_impl(a, std::make_index_sequence<L>{}); }

template <class T, int L, std::size_t... I>
PW_INLINE void interleave_impl(Vec<T, L> a, Vec<T, L> b, Vec<T, L>& lo, Vec<T, L>& hi, std::index_sequence<I...>) {
  lo.v = PW_SHUFFLE(T, L, a.v, b.v, static_cast<int>(I / 2 + (I % 2) * L)...);
  hi.v = PW_SHUFFLE(T, L, a.v, b.v, static_cast<int>(L / 2 + I / 2 + (I % 2) * L)...);
}
template <class T, int L>
PW_INLINE void interleave(Vec<T, L> a, Vec<T, L> b, Vec<T, L>& lo, Vec<T, L>& hi) {
  interleave_impl(a, b, lo, hi, std::make_index_sequence<L>{});
}
// interleave(reverse(a), reverse(b)) without the detour
template <class T, int L, std::size_t... I>
PW_INLINE void interleave_reversed_impl(Vec<T, L> a, Vec<T, L> b, Vec<T, L>& lo, Vec<T, L>& hi, std::index_sequence<I...>) {
  lo.v = PW_SHUFFLE(T, L, a.v, b.v, static_cast<int>(L - 1 - I / 2 + (I % 2) * L)...);
  hi.v = PW_SHUFFLE(T, L, a.v, b.v, static_cast<int>(L / 2 - 1 - I / 2 + (I % 2) * L)...);
}
template <class T, int L>
PW_INLINE void interleave_reversed(Vec<T, L> a, Vec<T, L> b, Vec<T, L>& lo, Vec<T, L>& hi) {
  interleave_reversed_impl(a, b, lo, hi, std::make_index_sequence<L>{});
}
template <class T, int L, std::size_t... I>
PW_INLINE void deinterleave_impl(Vec<T, L> lo, Vec<T, L> hi, Vec<T, L>& a, Vec<T, L>& b, std::index_sequence<I...>) {
  a.v = PW_SHUFFLE(T, L, lo.v, hi.v, static_cast<int>(2 * I)...);
  b.v = PW_SHUFFLE(T, L, lo.v, hi.v, static_cast<int>(2 * I + 1)...);
}
template <class T, int L>
PW_INLINE void deinterleave(Vec<T, L> lo, Vec<T, L> hi, Vec<T, L>& a, Vec<T, L>& b) {
  deinterleave_impl(lo, hi, a, b, std::make_index_sequence<L>{});
}

// Sum of the lanes by halving, so that the order does not depend on the compiler.
template <class T, int L>
PW_INLINE T sum(Vec<T, L> a) {
  T lane[L];
  a.store(lane);
  for (int half = L / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

// In-register transpose of an L x L block: squares within the 128-bit groups of the lanes first, for which every
// instruction set has cheap instructions, then the groups among each other.
template <class T>
inline constexpr int group_lanes = 16 / static_cast<int>(sizeof(T));

template <class T, int L, class Index, std::size_t... I>
PW_INLINE Vec<T, L> shuffle(Vec<T, L> a, Vec<T, L> b, Index index, std::index_sequence<I...>) {
  return {PW_SHUFFLE(T, L, a.v, b.v, index(static_cast<int>(I))...)};
}
template <class T, int L, class Index>
PW_INLINE Vec<T, L> shuffle(Vec<T, L> a, Vec<T, L> b, Index index) { return shuffle(a, b, index, std::make_index_sequence<L>{}); }

// (a0 b0 a1 b1) of each group, or its second half (Half = 1), in units of `Unit` lanes
template <int Unit, int Half, class T, int L>
PW_INLINE Vec<T, L> unpack(Vec<T, L> a, Vec<T, L> b) {
  constexpr int G = group_lanes<T> < L ? group_lanes<T> : L;
  return shuffle(a, b, [](int i) constexpr {
    const int within = i % G, unit = within / Unit;
    return i - within + (unit / 2 + Half * (G / Unit / 2)) * Unit + within % Unit + (unit % 2) * L;
  });
}
// Groups 0, 2, ... (Odd = 1: 1, 3, ...) of a, then of b
template <int Odd, class T, int L>
PW_INLINE Vec<T, L> pick_groups(Vec<T, L> a, Vec<T, L> b) {
  constexpr int G = group_lanes<T>;
  return shuffle(a, b, [](int i) constexpr { return 2 * (i / G) * G + Odd * G + i % G; });
}

template <class T, int L>
PW_INLINE void transpose_groups(Vec<T, L>* r) {  // rows r[0], r[G], r[2 G], ...: their groups of lanes are transposed
  constexpr int G = group_lanes<T>, B = L / G;
  if constexpr (B == 2) {
    const Vec<T, L> a = r[0], b = r[G];
    r[0] = pick_groups<0>(a, b);
    r[G] = pick_groups<1>(a, b);
  } else if constexpr (B == 4) {
    const Vec<T, L> a = pick_groups<0>(r[0], r[G]), b = pick_groups<1>(r[0], r[G]);
    const Vec<T, L> c = pick_groups<0>(r[2 * G], r[3 * G]), d = pick_groups<1>(r[2 * G], r[3 * G]);
    r[0] = pick_groups<0>(a, c);
    r[G] = pick_groups<0>(b, d);
    r[2 * G] = pick_groups<1>(a, c);
    r[3 * G] = pick_groups<1>(b, d);
  } else {
    static_assert(B == 1);
  }
}

template <class T, int L>
PW_INLINE void transpose(Vec<T, L>* r) {
  constexpr int G = group_lanes<T> < L ? group_lanes<T> : L;
  static_for<L / G>([&](auto block) PW_LAMBDA {
    Vec<T, L>* const x = r + block.value * G;
    if constexpr (G == 2) {
      const Vec<T, L> a = x[0], b = x[1];
      x[0] = unpack<1, 0>(a, b);
      x[1] = unpack<1, 1>(a, b);
    } else {
      const Vec<T, L> a = unpack<1, 0>(x[0], x[1]), b = unpack<1, 1>(x[0], x[1]), c = unpack<1, 0>(x[2], x[3]), d = unpack<1, 1>(x[2], x[3]);
      x[0] = unpack<2, 0>(a, c);
      x[1] = unpack<2, 1>(a, c);
      x[2] = unpack<2, 0>(b, d);
      x[3] = unpack<2, 1>(b, d);
    }
  });
  if constexpr (L > G) static_for<G>([&](auto c) PW_LAMBDA { transpose_groups(r + c.value); });
}

#endif  // PW_VECTOR_BYTES > 0

template <class T>
PW_INLINE void transpose(Vec<T, 1>*) {}

PW_INLINE void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

template <class V>
PW_INLINE V fms(V a, V b, V c) { return fma(a, b, -c); }   // a b - c
template <class V>
PW_INLINE V fnma(V a, V b, V c) { return fma(-a, b, c); }  // c - a b

// 1/sqrt(a) for a > 0: float32 to about 1.5 ulp by estimate and Newton step, float64 exactly rounded twice.
template <class T, int L>
PW_INLINE Vec<T, L> reciprocal_sqrt(Vec<T, L> a) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && L == 16) {
    const Vec<T, L> y{(typename Vec<T, L>::type)_mm512_rsqrt14_ps((__m512)a.v)};
    const Vec<T, L> e = fnma(a * y, y, Vec<T, L>::broadcast(T(1)));
    return fma(y * Vec<T, L>::broadcast(T(0.5)), e, y);
  }
#endif
#if defined(__AVX__)
  if constexpr (sizeof(T) == 4 && L == 8) {
    const Vec<T, L> y{(typename Vec<T, L>::type)_mm256_rsqrt_ps((__m256)a.v)};
    const Vec<T, L> e = fnma(a * y, y, Vec<T, L>::broadcast(T(1)));
    return fma(y * Vec<T, L>::broadcast(T(0.5)), e, y);
  }
#endif
  return Vec<T, L>::broadcast(T(1)) / sqrt(a);
}

}  // namespace
