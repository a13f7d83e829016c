// The passes of the complex transform (Stockham order: every pass reads and writes neighbouring points, nothing is
// bit-reversed). The first pass runs its lanes over p and stores transposed; later passes run them over q.
#pragma once

#include "butterfly.hpp"
#include "phasewise/kernels/transform_table.hpp"

namespace {

using phasewise::FftPass;
using phasewise::FftView;

// ---- element-wise interleaving of R vectors: (lane 0 of all), (lane 1 of all), ... ----------------------------------
#if PW_VECTOR_BYTES > 0
// Output vector O takes element e = O L + i from source e % R, lane e / R; sources enter one two-source permute at a time.
template <int R, int O, int J, class T, int L, std::size_t... I>
PW_INLINE Vec<T, L> merge_source(Vec<T, L> acc, Vec<T, L> x, std::index_sequence<I...>) {
  return {PW_SHUFFLE(T, L, acc.v, x.v,
                     static_cast<int>((O * L + static_cast<int>(I)) % R == J ? L + (O * L + static_cast<int>(I)) / R
                                                                            : static_cast<int>(I))...)};
}
template <int R, int O, class T, int L, std::size_t... I>
PW_INLINE Vec<T, L> merge_first(Vec<T, L> x0, Vec<T, L> x1, std::index_sequence<I...>) {
  return {PW_SHUFFLE(T, L, x0.v, x1.v,
                     static_cast<int>((O * L + static_cast<int>(I)) % R == 1 ? L + (O * L + static_cast<int>(I)) / R
                                                                            : (O * L + static_cast<int>(I)) / R)...)};
}
#endif

template <int R, class T, int L>
PW_INLINE void interleave_all(Vec<T, L>* x) {
  if constexpr (L == 1 || R == 1) {
    // already in order
  } else if constexpr (R == L) {
    transpose(x);
  } else if constexpr (R % 2 == 0) {
    Vec<T, L> even[R / 2], odd[R / 2];
    static_for<R / 2>([&](auto i) PW_LAMBDA {
      even[i.value] = x[2 * i.value];
      odd[i.value] = x[2 * i.value + 1];
    });
    interleave_all<R / 2>(even);
    interleave_all<R / 2>(odd);
    static_for<R / 2>([&](auto i) PW_LAMBDA { interleave(even[i.value], odd[i.value], x[2 * i.value], x[2 * i.value + 1]); });
  } else {
#if PW_VECTOR_BYTES > 0
    Vec<T, L> out[R];
    static_for<R>([&](auto o) PW_LAMBDA {
      out[o.value] = merge_first<R, o.value>(x[0], x[1], std::make_index_sequence<L>{});
      static_for<R - 2>([&](auto j) PW_LAMBDA {
        out[o.value] = merge_source<R, o.value, j.value + 2>(out[o.value], x[j.value + 2], std::make_index_sequence<L>{});
      });
    });
    static_for<R>([&](auto o) PW_LAMBDA { x[o.value] = out[o.value]; });
#endif
  }
}

// ---- sources of the first pass --------------------------------------------------------------------------------------
template <class T>
struct PlanarSource {
  const T *re, *im;
  template <class V>
  PW_INLINE Complex<V> load(std::size_t i) const { return {V::load(re + i), V::load(im + i)}; }
};
// z[m] = w[2m] x[2m] + i w[2m+1] x[2m+1]
template <class T>
struct PairedSource {
  const T *samples, *window;
  template <class V>
  PW_INLINE Complex<V> load(std::size_t i) const {
    constexpr int L = V::lanes;
    const V a = V::load(samples + 2 * i) * V::load(window + 2 * i);
    const V b = V::load(samples + 2 * i + L) * V::load(window + 2 * i + L);
    Complex<V> z;
    deinterleave(a, b, z.re, z.im);
    return z;
  }
};
// z[m] = w[m] x[m]
template <class T>
struct RealSource {
  const T *samples, *window;
  template <class V>
  PW_INLINE Complex<V> load(std::size_t i) const { return {V::load(samples + i) * V::load(window + i), V::zero()}; }
};

// ---- passes ---------------------------------------------------------------------------------------------------------
// p + k stride for compile-time k, from a few base pointers that fit the registers.
template <int R, class T>
struct Rows {
  T* base[(R + 3) / 4];
  std::size_t stride;
  PW_INLINE Rows(T* p, std::size_t step) : stride(step) {
    static_for<(R + 3) / 4>([&](auto g) PW_LAMBDA { base[g.value] = p + 4 * g.value * step; });
  }
  template <class K>
  PW_INLINE T* at(K) const { return base[K::value / 4] + (K::value % 4) * stride; }
};

template <int R, class V, class Source, class T = typename V::value_type>
void first_pass(const Source& source, T* PW_RESTRICT re, T* PW_RESTRICT im, std::size_t m, const T* PW_RESTRICT twiddles) {
  constexpr int L = V::lanes;
  for (std::size_t start = 0; start < m; start += L) {
    const std::size_t p = start + L <= m ? start : m - L;  // the last block may overlap its neighbour: same values again
    Complex<V> x[R];
    dft<R, V>([&](auto k) PW_LAMBDA { return source.template load<V>(p + m * k.value); },
              [&](auto j, Complex<V> y) PW_LAMBDA {
                const T* w = twiddles + 2 * (j.value - 1) * m + p;
                if constexpr (j.value > 0) x[j.value] = multiply(y, V::load(w), V::load(w + m));
                else x[j.value] = y;
              });
    V part[R];
    static_for<R>([&](auto j) PW_LAMBDA { part[j.value] = x[j.value].re; });
    interleave_all<R>(part);
    static_for<R>([&](auto j) PW_LAMBDA { part[j.value].store(re + R * p + L * j.value); });
    static_for<R>([&](auto j) PW_LAMBDA { part[j.value] = x[j.value].im; });
    interleave_all<R>(part);
    static_for<R>([&](auto j) PW_LAMBDA { part[j.value].store(im + R * p + L * j.value); });
  }
}

// One butterfly of L lanes: inputs s m apart, outputs s apart.
template <int R, bool Twiddle, class V, class T = typename V::value_type>
PW_INLINE void butterfly(const T* re, const T* im, T* out_re, T* out_im, std::size_t s, std::size_t m, const T* w) {
  const Rows<R, const T> real(re, s * m), imaginary(im, s * m);
  const Rows<R, T> out_real(out_re, s), out_imaginary(out_im, s);
  dft<R, V>([&](auto k) PW_LAMBDA { return Complex<V>{V::load(real.at(k)), V::load(imaginary.at(k))}; },
            [&](auto j, Complex<V> y) PW_LAMBDA {
              if constexpr (Twiddle && j.value > 0)
                y = multiply(y, V::broadcast(w[2 * j.value - 2]), V::broadcast(w[2 * j.value - 1]));
              y.re.store(out_real.at(j));
              y.im.store(out_imaginary.at(j));
            });
}

template <int R, bool Twiddle, class V, class T = typename V::value_type>
PW_INLINE void butterflies(const T* re, const T* im, T* out_re, T* out_im, std::size_t s, std::size_t m, const T* w) {
  constexpr std::size_t L = V::lanes;
  for (std::size_t start = 0; start < s; start += L) {
    const std::size_t q = start + L <= s ? start : s - L;
    butterfly<R, Twiddle, V>(re + q, im + q, out_re + q, out_im + q, s, m, w);
  }
}

template <int R, class V, class T = typename V::value_type>
void later_pass(const T* PW_RESTRICT re, const T* PW_RESTRICT im, T* PW_RESTRICT out_re, T* PW_RESTRICT out_im, std::size_t s,
                std::size_t m, const T* PW_RESTRICT twiddles) {
  constexpr std::size_t L = V::lanes;
  const T* w = twiddles + 2 * (R - 1);
  if (s == L) {  // one vector per p: known distances leave the registers to the data
    butterfly<R, false, V>(re, im, out_re, out_im, L, m, twiddles);
    for (std::size_t p = 1; p < m; ++p, w += 2 * (R - 1))
      butterfly<R, true, V>(re + L * p, im + L * p, out_re + L * R * p, out_im + L * R * p, L, m, w);
    return;
  }
  butterflies<R, false, V>(re, im, out_re, out_im, s, m, twiddles);
  for (std::size_t p = 1; p < m; ++p, w += 2 * (R - 1))
    butterflies<R, true, V>(re + s * p, im + s * p, out_re + s * R * p, out_im + s * R * p, s, m, w);
}

// f<R>() for the run-time radix
template <class F>
PW_INLINE void with_radix(int radix, F&& f) {
  switch (radix) {
    case 2: return f(std::integral_constant<int, 2>{});
    case 3: return f(std::integral_constant<int, 3>{});
    case 4: return f(std::integral_constant<int, 4>{});
    case 5: return f(std::integral_constant<int, 5>{});
    case 6: return f(std::integral_constant<int, 6>{});
    case 7: return f(std::integral_constant<int, 7>{});
    case 8: return f(std::integral_constant<int, 8>{});
    case 9: return f(std::integral_constant<int, 9>{});
    case 10: return f(std::integral_constant<int, 10>{});
    case 12: return f(std::integral_constant<int, 12>{});
    case 15: return f(std::integral_constant<int, 15>{});
    case 16: return f(std::integral_constant<int, 16>{});
    case 20: return f(std::integral_constant<int, 20>{});
    default: return;
  }
}

// f(V) with the widest vector that fits `room` neighbouring points
template <class T, class F>
PW_INLINE void with_lanes(std::size_t room, F&& f) {
  constexpr int W = native_lanes<T>;
  if (room >= W) return f(Vec<T, W>{});
  if constexpr (W >= 4)
    if (room >= W / 2) return f(Vec<T, W / 2>{});
  f(Vec<T, 1>{});
}

template <class T>
struct Planar {
  T *re, *im;
};

// Runs the passes; a and b are planar work buffers. Returns the one that holds the result, in natural order.
template <class T, class Source>
inline Planar<T> run_passes(const FftView<T>& fft, const Source& source, Planar<T> a, Planar<T> b) {
  if (fft.pass_count == 0) {  // one point
    const Complex<Vec<T, 1>> z = source.template load<Vec<T, 1>>(0);
    z.re.store(a.re);
    z.im.store(a.im);
    return a;
  }
  const FftPass<T>& first = fft.passes[0];
  with_lanes<T>(first.m, [&](auto v) {
    with_radix(first.radix, [&](auto r) { first_pass<r.value, decltype(v)>(source, a.re, a.im, first.m, first.twiddles); });
  });
  for (int i = 1; i < fft.pass_count; ++i) {
    const FftPass<T>& pass = fft.passes[i];
    with_lanes<T>(pass.s, [&](auto v) {
      with_radix(pass.radix, [&](auto r) { later_pass<r.value, decltype(v)>(a.re, a.im, b.re, b.im, pass.s, pass.m, pass.twiddles); });
    });
    const Planar<T> swap = a;
    a = b;
    b = swap;
  }
  return a;
}

// Bluestein: with m k = (m^2 + k^2 - (k-m)^2) / 2 the transform is a convolution with a chirp.
template <class T, class Source>
inline Planar<T> run_bluestein(const FftView<T>& fft, const Source& source, T* scratch) {
  using V = Vec<T, 1>;
  const FftView<T>& conv = *fft.convolution;
  const std::size_t stride = conv.stride;
  Planar<T> z{scratch, scratch + stride};
  const Planar<T> a{scratch + 2 * stride, scratch + 3 * stride}, b{scratch + 4 * stride, scratch + 5 * stride};
  const T *chirp_re = fft.chirp, *chirp_im = fft.chirp + fft.stride;
  for (std::size_t i = 0; i < fft.n; ++i) {
    const Complex<V> y = multiply(source.template load<V>(i), V::load(chirp_re + i), V::load(chirp_im + i));
    y.re.store(z.re + i);
    y.im.store(z.im + i);
  }
  for (std::size_t i = fft.n; i < conv.n; ++i) z.re[i] = z.im[i] = T(0);
  const Planar<T> spectrum = run_passes(conv, PlanarSource<T>{z.re, z.im}, a, b);
  with_lanes<T>(conv.n, [&](auto v) {
    using W = decltype(v);
    for (std::size_t i = 0; i < conv.n; i += W::lanes) {
      const Complex<W> y = multiply(Complex<W>{W::load(spectrum.re + i), W::load(spectrum.im + i)}, W::load(fft.chirp_spectrum + i),
                                    W::load(fft.chirp_spectrum + stride + i));
      y.re.store(z.re + i);
      y.im.store(z.im + i);
    }
  });
  // The inverse transform is the forward one with real and imaginary parts exchanged on the way in and out.
  const Planar<T> back = run_passes(conv, PlanarSource<T>{z.im, z.re}, a, b);
  for (std::size_t i = 0; i < fft.n; ++i) {
    const Complex<V> y = multiply(Complex<V>{V::load(back.im + i), V::load(back.re + i)}, V::load(chirp_re + i), V::load(chirp_im + i));
    y.re.store(z.re + i);
    y.im.store(z.im + i);
  }
  return z;
}

template <class T, class Source>
inline Planar<T> run_fft(const FftView<T>& fft, const Source& source, T* scratch) {
  if (fft.convolution != nullptr) return run_bluestein(fft, source, scratch);
  return run_passes(fft, source, Planar<T>{scratch, scratch + fft.stride},
                    Planar<T>{scratch + 2 * fft.stride, scratch + 3 * fft.stride});
}

}  // namespace
