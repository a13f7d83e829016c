// The bin-wise half of iterative inversion: what happens to one frame of all sources between two transforms.
#pragma once

#include <cstddef>

namespace phasewise {

// S: estimates, G: their projection onto consistent spectrograms (the transform of their signals), V: magnitudes,
// X: mixture, L: mixing weights, mag(Y) = V Y/|Y|, mix(Y) = Y + L (X - sum Y).
enum class Update {
  griffin_lim,          // mag(G)
  misi,                 // mix(mag(G))
  mix_incons,           // (mix(S) + sigma L G) / (1 + sigma L)
  mix_incons_hard_mag,  // mag(mix(S) + sigma L G)
  incons_hard_mix,      // mix(G)
  mag_incons_hard_mix,  // mix((mag(S) + sigma G) / (1 + sigma))
  reflection,           // B = mix(G): alpha S + beta mag(2 B - S) + gamma B; the result is B
  bregman,              // mix(G - step (gradient of the divergence at G))
  bregman_reflection    // reflection with the proximal point of the divergence instead of mag
};

// A beta divergence between magnitudes, or their squares, of the estimate and those given.
template <class T>
struct BregmanRule {
  T beta = 2;
  bool squares = false;
  bool left = false;  // whether the estimate is the first argument of the divergence
  T floor = 0;        // magnitudes below it count as little more
  T step = 1;         // of the gradient; for proximal points, the weight of the distance
};

// Whether an update refers to the estimates themselves, not only to their projection.
constexpr bool refers_to_estimate(Update update) {
  return update != Update::griffin_lim && update != Update::misi && update != Update::bregman;
}

// The sources' shares L of the mixing error.
enum class Sharing {
  equal,  // 1 / sources
  given,  // an array
  power   // magnitudes to a power, over their sum; equal where there are none
};

// Planar rows hold `padded` >= bins real parts, then as many imaginary parts. Interleaved rows hold complex numbers.
template <class T>
struct InversionStep {
  Update update;
  bool evaluate;   // only compute the cost, and B for reflections
  bool costs;      // whether the cost is wanted
  bool mix_last;   // misi: false leaves out the mixing
  bool even;       // the last bin is the Nyquist frequency
  std::size_t sources, bins, padded;
  T* points;                 // planar, source j at 2 j padded. In: G. Out: the new estimates, or B
  const T* consistent;       // planar: what has the cost, if it is not G (griffin_lim); nullptr: G
  T* spectra;                // interleaved, source j at 2 j row_stride. In: S, for updates that refer to it. Out: as points
  const T* magnitudes;       // source j at j row_stride
  const T* mixture;          // interleaved; nullptr: no mixing
  std::size_t row_stride;
  Sharing sharing;
  T exponent;                // of the magnitudes
  T* weights;                // given shares, laid out as the magnitudes; refreshed in place
  T* previous;               // the last mix(.), planar, source j at j previous_stride; nullptr: not kept
  std::size_t previous_stride;
  bool refresh;              // L proportional to |previous mix(.) - point to mix|
  T alpha, beta, gamma, sigma;
  BregmanRule<T> rule;
  // What the next frame needs is fetched meanwhile: its rows, one after the present ones, and the `arriving` samples of its
  // signals that this frame does not cover, source j at j sample_stride.
  const T* samples;
  std::size_t sample_stride, arriving;
};

template <class T>
struct InversionKernels {
  // Returns the cost of the state before the update, if wanted, bins between 0 Hz and Nyquist counted twice.
  double (*step)(const InversionStep<T>&);
  // points <- mix(points)
  void (*mix)(const InversionStep<T>&);
  // points, and spectra if they are not nullptr, <- magnitudes with the phase of the mixture
  void (*take_mixture_phase)(const InversionStep<T>&);
  // out <- fresh_share fresh + last_share last, where a share of 0 does not read `last`; kept <- fresh unless it is nullptr.
  void (*extrapolate)(const T* fresh, const T* last, std::size_t n, T fresh_share, T last_share, T* out, T* kept);
  // interleaved <-> planar rows; pads with zeros
  void (*to_planar)(const T* interleaved, std::size_t bins, std::size_t padded, T* planar);
  void (*to_interleaved)(const T* planar, std::size_t bins, std::size_t padded, T* interleaved);
};

}  // namespace phasewise
