// Short-time Fourier transform and its inverse for batches of signals.
//
// Memory is frame-major: a spectrogram of B signals is (B, frames, bins), complex numbers interleaved.
// A plan is immutable and may be used by several threads at once.
#pragma once

#include <cstddef>

#include "phasewise/fft.hpp"
#include "phasewise/filter_bank.hpp"
#include "phasewise/overlap_gain.hpp"
#include "phasewise/signals.hpp"

namespace phasewise {

// What lies beyond the ends of a signal. `none`: frames start at sample 0 and never leave the signal; otherwise frames
// are centred: frame t is centred on sample t hop.
enum class Padding { none, zeros, reflect, edge };

// What is made of a spectrum: |.|^exponent, then filters, then (floor > 0) the logarithm of what is at least `floor`.
template <class T>
struct Features {
  T exponent = T(1);
  const FilterBank<T>* filters = nullptr;  // of as many bins as the spectrum
  T floor = T(0);

  std::size_t width(std::size_t bins) const { return filters == nullptr ? bins : filters->count(); }
};

template <class T>
class StftPlan {
 public:
  // window: n_fft values. Throws std::invalid_argument unless n_fft >= 1 and hop >= 1.
  StftPlan(const double* window, std::size_t n_fft, std::size_t hop, Padding padding);

  std::size_t n_fft() const { return frame_.n(); }
  std::size_t bins() const { return frame_.bins(); }
  std::size_t hop() const { return hop_; }
  Padding padding() const { return padding_; }
  Isa isa() const { return frame_.isa(); }
  const FramePlan<T>& frame() const { return frame_; }

  // Samples before sample 0 that the first frame covers.
  std::size_t lead() const { return padding_ == Padding::none ? 0 : n_fft() / 2; }
  // Frames of a signal; 0 if it is shorter than one frame.
  std::size_t frames(std::size_t samples) const;
  // Samples that `frames` frames determine: hop (frames - 1), plus n_fft if frames are not centred.
  std::size_t samples(std::size_t frames) const;

  // The sample of a signal of n samples that stands for sample i beyond its ends (reflect and edge).
  std::ptrdiff_t source_of(std::ptrdiff_t i, std::ptrdiff_t n) const;

  // From this sample of frame t on, no earlier frame has been.
  std::size_t fresh(std::size_t t) const { return t == 0 || hop_ > n_fft() ? 0 : n_fft() - hop_; }

  // The n_fft samples of frame t of a signal, in place or gathered into `side` (n_fft values).
  const T* frame_samples(const T* signal, std::size_t samples, std::size_t t, T* side) const;

  // Signals -> (batch, frames, bins). This and the other maps below return false if a sample or bin that is not finite has
  // spoiled the result, or a value was too large for the type.
  bool analyze(const Signals<T>& signals, T* spectrum) const;
  // Signals -> (batch, frames, features.width(bins))
  bool analyze_features(const Signals<T>& signals, const Features<T>& features, T* out) const;
  // Spectra -> (batch, length): overlap-add divided by the sum of squared windows; zeros beyond the frames
  bool synthesize(const Spectra<T>& spectra, std::size_t length, T* signal) const;

  // Complex signals (real and imaginary parts next to each other; the stride counts scalars) -> (batch, frames, n_fft), and back.
  bool analyze_two_sided(const Signals<T>& signals, T* spectrum) const;
  bool synthesize_two_sided(const Spectra<T>& spectra, std::size_t length, T* signal) const;

  // What normalises the overlap-add of `frames` frames.
  OverlapGain<T> gain(std::size_t frames) const { return {gains_, frames}; }

  // The transform of the signal of `length` samples that synthesize() would give: the nearest consistent spectrogram.
  // The waveform never leaves the cache. frames(length) must be spectra.frames; out must not overlap them.
  bool project(const Spectra<T>& spectra, std::size_t length, T* out) const;

  // Adjoints as real-linear maps (real and imaginary parts are separate coordinates): gradients of analyze() and
  // synthesize() with respect to their inputs.
  void analyze_adjoint(const T* spectrum, std::size_t batch, std::size_t samples, T* signal) const;
  void synthesize_adjoint(const T* signal, std::size_t batch, std::size_t frames, std::size_t length, T* spectrum) const;

 private:
  FramePlan<T> frame_;
  std::size_t hop_;
  Padding padding_;
  OverlapGainTable<T> gains_;
};

// Overlap-adds frames into the positions [first, last), counted from the first sample of frame 0, and scales them by the
// gain. add_frame(t, acc, fresh) adds the n_fft windowed samples of frame t to acc[0, fresh) and overwrites the rest. Every
// position sums its frames in rising order, so that the result does not depend on how a signal is cut into ranges.
template <class T, class Gain, class AddFrame>
void overlap_add(const StftPlan<T>& plan, const Gain& gain, std::size_t frames, std::size_t first, std::size_t last, T* out,
                 AddFrame&& add_frame);

}  // namespace phasewise

#include "phasewise/overlap_add.inl"
