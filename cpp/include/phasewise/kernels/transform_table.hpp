// The transform kernels of one instruction-set level: one frame of a short-time Fourier transform at a time, all of it
// in the first-level cache. Plans are plain data; FramePlan (fft.hpp) owns and fills them.
#pragma once

#include <cstddef>

namespace phasewise {

// One Stockham pass of radix r over n = r m s points: x[q + s (p + m k)] -> y[q + s (r p + j)], 0 <= q < s, 0 <= p < m.
// Twiddles w^(p j), w = exp(-2 pi i / (r m)), j = 1..r-1: first pass (s == 1) [j-1][re, im][p], later passes [p][j-1][re, im].
template <class T>
struct FftPass {
  int radix;
  std::size_t s, m;
  const T* twiddles;
};

// Complex transform of length n: by passes, or (convolution != nullptr) by Bluestein's chirp convolution.
template <class T>
struct FftView {
  std::size_t n;
  std::size_t stride;  // distance between the real and the imaginary half of a planar work buffer
  int pass_count;
  const FftPass<T>* passes;
  const FftView<T>* convolution;  // power-of-two transform of length >= 2 n - 1
  const T* chirp;                 // exp(-i pi m^2 / n), planar, halves `stride` apart
  const T* chirp_spectrum;        // transform of the conjugate chirp over its length, planar, halves convolution->stride apart
};

// Windowed real transform of n samples. Even n: one complex transform of n / 2; odd n: one of n.
template <class T>
struct FrameView {
  std::size_t n, bins;
  FftView<T> fft;
  const T* untangle;   // even n: exp(-2 pi i k / n), k = 0..n/2, planar, halves fft.stride apart
  const T* analysis;   // window, times 1/2 for even n (the factor of the untangling)
  const T* synthesis;  // window / n
  std::size_t scratch;  // scalars of scratch that every call below needs, 64-byte aligned
};

// A filter on bins: weights for the bins [first, first + length).
template <class T>
struct FilterStretch {
  std::size_t first, length;
  const T* weights;
};

template <class T>
struct TransformKernels {
  int lanes;
  // samples (n) -> spectrum (bins), complex interleaved
  void (*forward)(const FrameView<T>&, const T* samples, T* spectrum, T* scratch);
  // the same, real and imaginary parts apart
  void (*forward_planar)(const FrameView<T>&, const T* samples, T* re, T* im, T* scratch);
  void (*forward_magnitude)(const FrameView<T>&, const T* samples, T* magnitude, T* scratch);
  void (*forward_power)(const FrameView<T>&, const T* samples, T* power, T* scratch);
  // spectrum -> n windowed samples, added to acc[0, fresh), and put in place of whatever lies in acc[fresh, n)
  void (*inverse_add)(const FrameView<T>&, const T* spectrum, T* acc, std::size_t fresh, T* scratch);
  void (*inverse_add_planar)(const FrameView<T>&, const T* re, const T* im, T* acc, std::size_t fresh, T* scratch);
  // out = in times `inner`, the bins at 0 Hz and (even n) Nyquist times `edge`
  void (*weigh)(const FrameView<T>&, const T* spectrum, T edge, T inner, T* out);
  // out = in, past the caches; call stream_fence() before others may read out
  void (*stream)(const T* in, T* out, std::size_t n);
  void (*stream_fence)();
  // a, b: spectra of the real and the imaginary part of a complex signal -> the n bins of both
  void (*join_two_sided)(const FrameView<T>&, const T* a, const T* b, T* out);
  // n bins -> the bins of the real (part 0) or imaginary part (part 1) of the signal
  void (*split_two_sided)(const FrameView<T>&, const T* spectrum, int part, T* out);
  // x = x^exponent for x >= 0, exponent > 0
  void (*raise)(T* x, std::size_t n, T exponent);
  // x = log(max(x, floor)), floor positive and normal
  void (*log_floor)(T* x, std::size_t n, T floor);
  // out[i] = sum of in times the weights of filter i
  void (*filter)(const FilterStretch<T>* filters, std::size_t count, const T* in, T* out);
  // out = a * b; out may be a
  void (*multiply)(const T* a, const T* b, T* out, std::size_t n);
};

}  // namespace phasewise
