// The bin-wise half of iterative inversion: what happens to one frame of all sources between two transforms.
#pragma once

#include <cstddef>

namespace phasewise {

// S: estimates, G: their projection onto consistent spectrograms (the transform of their signals), V: magnitudes,
// X: mixture, L: mixing weights, mag(Y) = V Y/|Y|, mix(Y) = Y + L (X - sum Y).
enum class Update {
  griffin_lim,          // mag(G - momentum G_previous)
  misi,                 // mix(mag(G))
  mix_incons,           // (mix(S) + sigma L G) / (1 + sigma L)
  mix_incons_hard_mag,  // mag(mix(S) + sigma L G)
  incons_hard_mix,      // mix(G)
  mag_incons_hard_mix,  // mix((mag(S) + sigma G) / (1 + sigma))
  reflection,           // B = mix(G): alpha S + beta mag(2 B - S) + gamma B; the result is B
  bregman,              // T = mix(G - step (gradient of the divergence at G)): T + momentum (T - T_previous)
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

template <class T>
struct InversionStep {
  Update update;
  bool evaluate;   // only compute the cost (and B for reflections); otherwise update the state
  bool mix_last;   // misi: false leaves out the mixing
  bool even;       // the last bin is the Nyquist frequency
  std::size_t sources, bins, padded;  // planar rows hold `padded` >= bins values, zeros at the end
  T* state;                           // source j: real parts at j * state_stride, imaginary parts `padded` further
  std::size_t state_stride;
  T* projected;                       // G, source j at 2 j padded; overwritten
  const T* magnitudes;                // source j at j * row_stride
  T* weights;                         // nullptr: 1 / sources; laid out as the magnitudes; refreshed in place
  std::size_t row_stride;
  const T* mixture;                   // interleaved; nullptr: no mixing
  T* previous;                        // griffin_lim: G of the last iteration; bregman: T; refreshed weights: the last mix(.)
  std::size_t previous_stride;        // planar, source j at j * previous_stride; nullptr: none
  bool refresh;                       // L proportional to |previous mix(.) - point to mix|
  T alpha, beta, gamma, sigma, momentum;
  BregmanRule<T> rule;
  bool costs;                         // whether the cost is wanted; bregman updates save its price otherwise
};

template <class T>
struct InversionKernels {
  // Returns the cost of the state before the update, bins between 0 Hz and Nyquist counted twice.
  double (*step)(const InversionStep<T>&);
  // S <- mix(S)
  void (*mix)(const InversionStep<T>&);
  // S <- mag(X)
  void (*take_mixture_phase)(const InversionStep<T>&);
  // interleaved <-> planar rows; pads with zeros
  void (*to_planar)(const T* interleaved, std::size_t bins, std::size_t padded, T* planar);
  void (*to_interleaved)(const T* planar, std::size_t bins, std::size_t padded, T* interleaved);
};

}  // namespace phasewise
