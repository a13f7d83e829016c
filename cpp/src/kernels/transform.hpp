// One frame forward and back, on top of the complex passes: windowing and the half-size trick for real input are fused
// with the first pass, the output format with the untangling.
#pragma once

#include "fft_passes.hpp"
#include "rows.hpp"

namespace {

using phasewise::FrameView;

// ---- what happens to L neighbouring bins k..k+L-1, or to the mirrored ones that come in falling order ----------------
template <class T>
struct ComplexSink {
  T* out;
  template <class V>
  PW_INLINE void store(std::size_t k, V re, V im) const {
    V lo, hi;
    interleave(re, im, lo, hi);
    lo.store(out + 2 * k);
    hi.store(out + 2 * k + V::lanes);
  }
  template <class V>
  PW_INLINE void store_mirrored(std::size_t k, V re, V im) const {
    V lo, hi;
    interleave_reversed(re, im, lo, hi);
    lo.store(out + 2 * k);
    hi.store(out + 2 * k + V::lanes);
  }
};
template <class T>
struct PlanarSink {
  T *re_out, *im_out;
  template <class V>
  PW_INLINE void store(std::size_t k, V re, V im) const {
    re.store(re_out + k);
    im.store(im_out + k);
  }
  template <class V>
  PW_INLINE void store_mirrored(std::size_t k, V re, V im) const { store(k, reverse(re), reverse(im)); }
};
template <class T, bool Root>
struct PowerSink {
  T* out;
  template <class V>
  static PW_INLINE V value(V re, V im) {
    const V power = fma(re, re, im * im);
    if constexpr (!Root) return power;
    // The estimate and one Newton step are twice as fast as the root, and err by 2 ulp; zero and what is no number stay.
    else if constexpr (sizeof(T) == 4 && V::lanes >= 8) return select_positive(power, power * reciprocal_sqrt(power), power);
    else return sqrt(power);
  }
  template <class V>
  PW_INLINE void store(std::size_t k, V re, V im) const { value(re, im).store(out + k); }
  template <class V>
  PW_INLINE void store_mirrored(std::size_t k, V re, V im) const { reverse(value(re, im)).store(out + k); }
};

// Even n: X[k] = E + w^k O and X[M-k] = conj(E - w^k O) from Z, the transform of the M = n/2 pairs.
template <class V, class T, class Sink>
PW_INLINE void untangle_block(const FrameView<T>& frame, Planar<T> z, const Sink& sink, std::size_t k) {
  constexpr int L = V::lanes;
  const std::size_t mirrored = frame.n / 2 - k - (L - 1);
  const V ar = V::load(z.re + k), ai = V::load(z.im + k);
  const V br = reverse(V::load(z.re + mirrored)), bi = reverse(V::load(z.im + mirrored));
  const V even_re = ar + br, even_im = ai - bi;
  const Complex<V> t = multiply(Complex<V>{ai + bi, br - ar}, V::load(frame.untangle + k), V::load(frame.untangle + frame.fft.stride + k));
  sink.store(k, even_re + t.re, even_im + t.im);
  sink.store_mirrored(mirrored, even_re - t.re, t.im - even_im);
}

template <class T, class Sink>
inline void forward(const FrameView<T>& frame, const T* samples, const Sink& sink, T* scratch) {
  if (frame.n % 2 != 0) {
    const Planar<T> z = run_fft(frame.fft, RealSource<T>{samples, frame.analysis}, scratch);
    z.im[0] = T(0);  // as it is for even n: rounding must not give the mean a phase
    with_lanes<T>(frame.bins, [&](auto v) {
      using V = decltype(v);
      for (std::size_t start = 0; start < frame.bins; start += V::lanes) {
        const std::size_t k = start + V::lanes <= frame.bins ? start : frame.bins - V::lanes;
        sink.store(k, V::load(z.re + k), V::load(z.im + k));
      }
    });
    return;
  }
  const std::size_t half = frame.n / 2;
  const Planar<T> z = run_fft(frame.fft, PairedSource<T>{samples, frame.analysis}, scratch);
  z.re[half] = z.re[0];
  z.im[half] = z.im[0];
  // Any block of [0, half] may be computed, twice if need be: the last one is moved inside.
  with_lanes<T>(half + 1, [&](auto v) {
    using V = decltype(v);
    for (std::size_t start = 0; start < (half + 1) / 2; start += V::lanes)
      untangle_block<V>(frame, z, sink, start + V::lanes <= half + 1 ? start : half + 1 - V::lanes);
  });
  if (half % 2 == 0) untangle_block<Vec<T, 1>>(frame, z, sink, half / 2);
}

// ---- inverse --------------------------------------------------------------------------------------------------------
template <class T>
struct PlanarBins {
  const T *re, *im;
  template <class V>
  PW_INLINE Complex<V> load(std::size_t k) const { return {V::load(re + k), V::load(im + k)}; }
  PW_INLINE void fetch_next(std::size_t) const {}
};
template <class T>
struct InterleavedBins {
  const T* spectrum;
  std::size_t row;  // scalars to the next frame, which is fetched meanwhile, one half of its lines here and one with the samples
  template <class V>
  PW_INLINE Complex<V> load(std::size_t k) const {
    Complex<V> z;
    prefetch(spectrum + 2 * k + row);
    deinterleave(V::load(spectrum + 2 * k), V::load(spectrum + 2 * k + V::lanes), z.re, z.im);
    return z;
  }
  PW_INLINE void fetch_next(std::size_t i) const { prefetch(spectrum + row + i); }
};

// Even n: Z[k] = E + i O with E = X[k] + conj X[M-k], O = (X[k] - conj X[M-k]) / w^k; twice the transform of the pairs.
template <class V, class T, class Bins>
PW_INLINE void tangle_block(const FrameView<T>& frame, const Bins& bins, Planar<T> z, std::size_t k) {
  constexpr int L = V::lanes;
  const std::size_t mirrored = frame.n / 2 - k - (L - 1);
  const Complex<V> a = bins.template load<V>(k);
  Complex<V> b = bins.template load<V>(mirrored);
  b = {reverse(b.re), reverse(b.im)};
  const V wr = V::load(frame.untangle + k), wi = V::load(frame.untangle + frame.fft.stride + k);
  const V even_re = a.re + b.re, even_im = a.im - b.im;
  const Complex<V> o = multiply(Complex<V>{a.re - b.re, a.im + b.im}, wr, -wi);
  (even_re - o.im).store(z.re + k);
  (even_im + o.re).store(z.im + k);
  reverse(even_re + o.im).store(z.re + mirrored);
  reverse(o.re - even_im).store(z.im + mirrored);
}

// Windowed samples on top of what lies in acc up to `fresh` (rounded up to whole vectors, with zeros), in place of it beyond.
template <class T>
PW_INLINE void clear(T* x, std::size_t from, std::size_t to) {
  for (; from < to; ++from) x[from] = T(0);
}

// n points that lie as (re, im) pairs
template <class T, class Bins>
inline void add_pairs(Planar<T> z, const T* PW_RESTRICT window, T* PW_RESTRICT acc, std::size_t pairs, std::size_t fresh, const Bins& bins) {
  std::size_t i = 0;
  with_lanes<T>(pairs, [&](auto v) {
    using V = decltype(v);
    constexpr std::size_t L = V::lanes;
    const std::size_t whole = pairs / L * L, covering = (fresh + 2 * L - 1) / (2 * L) * L, added = covering < whole ? covering : whole;
    clear(acc, fresh, 2 * added);
    V lo, hi;
    for (; i < added; i += L) {
      bins.fetch_next(2 * i + L);
      interleave(V::load(z.re + i), V::load(z.im + i), lo, hi);
      fma(lo, V::load(window + 2 * i), V::load(acc + 2 * i)).store(acc + 2 * i);
      fma(hi, V::load(window + 2 * i + L), V::load(acc + 2 * i + L)).store(acc + 2 * i + L);
    }
    for (; i < whole; i += L) {
      bins.fetch_next(2 * i + L);
      interleave(V::load(z.re + i), V::load(z.im + i), lo, hi);
      (lo * V::load(window + 2 * i)).store(acc + 2 * i);
      (hi * V::load(window + 2 * i + L)).store(acc + 2 * i + L);
    }
  });
  using S = Vec<T, 1>;
  clear(acc, fresh > 2 * i ? fresh : 2 * i, 2 * pairs);
  for (; i < pairs; ++i) {
    fma(S::load(z.re + i), S::load(window + 2 * i), S::load(acc + 2 * i)).store(acc + 2 * i);
    fma(S::load(z.im + i), S::load(window + 2 * i + 1), S::load(acc + 2 * i + 1)).store(acc + 2 * i + 1);
  }
}
template <class T>
inline void add_points(const T* PW_RESTRICT x, const T* PW_RESTRICT window, T* PW_RESTRICT acc, std::size_t n, std::size_t fresh) {
  using S = Vec<T, 1>;
  clear(acc, fresh, n);
  for (std::size_t i = 0; i < n; ++i) fma(S::load(x + i), S::load(window + i), S::load(acc + i)).store(acc + i);
}

template <class T, class Bins>
inline void inverse_add(const FrameView<T>& frame, const Bins& bins, T* acc, std::size_t fresh, T* scratch) {
  using S = Vec<T, 1>;
  const Planar<T> z{scratch, scratch + frame.fft.stride};
  T* work = scratch + 2 * frame.fft.stride;
  // The imaginary parts at 0 Hz and, for even n, at the Nyquist frequency have no effect on a real signal.
  const T dc = bins.template load<S>(0).re.v;
  if (frame.n % 2 != 0) {
    z.re[0] = dc;
    z.im[0] = T(0);
    for (std::size_t k = 1; k < frame.bins; ++k) {
      const Complex<S> x = bins.template load<S>(k);
      z.re[k] = z.re[frame.n - k] = x.re.v;
      z.im[k] = x.im.v;
      z.im[frame.n - k] = -x.im.v;
    }
    // Exchanging the real and imaginary parts on both sides turns the forward transform into the inverse.
    const Planar<T> y = run_fft(frame.fft, PlanarSource<T>{z.im, z.re}, work);
    add_points(y.im, frame.synthesis, acc, frame.n, fresh);
    return;
  }
  const std::size_t half = frame.n / 2;
  with_lanes<T>(half + 1, [&](auto v) {
    using V = decltype(v);
    for (std::size_t start = 0; start < (half + 1) / 2; start += V::lanes)
      tangle_block<V>(frame, bins, z, start + V::lanes <= half + 1 ? start : half + 1 - V::lanes);
  });
  if (half % 2 == 0) tangle_block<S>(frame, bins, z, half / 2);
  const T nyquist = bins.template load<S>(half).re.v;
  z.re[0] = dc + nyquist;
  z.im[0] = dc - nyquist;
  const Planar<T> y = run_fft(frame.fft, PlanarSource<T>{z.im, z.re}, work);
  add_pairs(Planar<T>{y.im, y.re}, frame.synthesis, acc, half, fresh, bins);
}

// ---- the table ------------------------------------------------------------------------------------------------------
template <class T>
void forward_complex(const FrameView<T>& frame, const T* samples, T* spectrum, T* scratch) {
  forward(frame, samples, ComplexSink<T>{spectrum}, scratch);
}
template <class T>
void forward_planar(const FrameView<T>& frame, const T* samples, T* re, T* im, T* scratch) {
  forward(frame, samples, PlanarSink<T>{re, im}, scratch);
}
template <class T>
void forward_magnitude(const FrameView<T>& frame, const T* samples, T* out, T* scratch) {
  forward(frame, samples, PowerSink<T, true>{out}, scratch);
}
template <class T>
void forward_power(const FrameView<T>& frame, const T* samples, T* out, T* scratch) {
  forward(frame, samples, PowerSink<T, false>{out}, scratch);
}
template <class T>
void inverse_add_interleaved(const FrameView<T>& frame, const T* spectrum, T* acc, std::size_t fresh, T* scratch) {
  inverse_add(frame, InterleavedBins<T>{spectrum, 2 * frame.bins}, acc, fresh, scratch);
}
template <class T>
void inverse_add_planar(const FrameView<T>& frame, const T* re, const T* im, T* acc, std::size_t fresh, T* scratch) {
  inverse_add(frame, PlanarBins<T>{re, im}, acc, fresh, scratch);
}
template <class T>
void weigh_bins(const FrameView<T>& frame, const T* spectrum, T edge, T inner, T* out) {
  using V = Vec<T, native_lanes<T>>;
  const std::size_t n = 2 * frame.bins;
  const T first[2] = {spectrum[0] * edge, spectrum[1] * edge}, last[2] = {spectrum[n - 2] * edge, spectrum[n - 1] * edge};
  std::size_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) (V::load(spectrum + i) * V::broadcast(inner)).store(out + i);
  for (; i < n; ++i) out[i] = spectrum[i] * inner;
  out[0] = first[0];
  out[1] = first[1];
  if (frame.n % 2 == 0) {
    out[n - 2] = last[0];
    out[n - 1] = last[1];
  }
}
template <class T>
void stream_array(const T* PW_RESTRICT in, T* PW_RESTRICT out, std::size_t n) {
  using V = Vec<T, native_lanes<T>>;
  std::size_t i = 0;
  // Part lines at both ends take the ordinary way: their other half belongs to a neighbouring row.
  for (; i < n && reinterpret_cast<std::size_t>(out + i) % 64 != 0; ++i) out[i] = in[i];
  constexpr std::size_t line = 64 / sizeof(T);
  for (; i + line <= n; i += line)
    for (std::size_t k = 0; k < line; k += V::lanes) stream(V::load(in + i + k), out + i + k);
  for (; i < n; ++i) out[i] = in[i];
}
inline void fence() { stream_fence(); }

template <class T>
constexpr phasewise::TransformKernels<T> transform_kernels() {
  return {native_lanes<T>,
          forward_complex<T>,
          forward_planar<T>,
          forward_magnitude<T>,
          forward_power<T>,
          inverse_add_interleaved<T>,
          inverse_add_planar<T>,
          weigh_bins<T>,
          stream_array<T>,
          fence,
          join_two_sided_array<T>,
          split_two_sided_array<T>,
          raise_array<T>,
          log_floor_array<T>,
          filter_array<T>,
          multiply_arrays<T>};
}

}  // namespace
