// The bin-wise half of unfolded inversion: what a layer does to one frame of all sources, and its gradient.
#pragma once

#include <cstddef>

namespace phasewise {

// S: state, G: its projection onto consistent spectrograms, V: magnitudes, X: mixture, L: mixing weights,
// step(Y) = Y + eta (V Y/|Y| - Y), mix(Y) = Y + L (X - sum Y), b: relaxation. Without weights, L = V^p / sum V^p.
enum class Layer {
  misi,                 // G + b (mix(step(G)) - G)
  mix_incons,           // S + b (Y - S), Y = (mix(S) + sigma L G) / (1 + sigma L)
  mix_incons_hard_mag,  // S + b (step(Y) - S)
  mag_incons_hard_mix,  // S + b (mix((step(S) + sigma G) / (1 + sigma)) - S)
  rrr,                  // S + b (step(2 B - S) - B), B = mix(G)
  raar,                 // b S + b step(2 B - S) + (1 - 2 b) B
  mix                   // mix(G)
};

// Parameters of a layer, each a row of one value per bin: sigma, p, b, eta.
inline constexpr std::size_t layer_parameters = 4;

// More sources are left to others: the sources of a few bins stay in registers and on the stack.
inline constexpr std::size_t most_unfolded_sources = 16;

// Rows of the caller hold `bins` values, complex ones interleaved; source j of magnitudes, weights and states is
// `row_stride` values further than source j - 1. Planar rows hold `padded` real, then `padded` imaginary parts, source j at
// 2 j padded.
template <class T>
struct LayerFrame {
  Layer layer;
  std::size_t sources, bins, padded, row_stride;
  const T* mixture;
  const T* magnitudes;
  const T* weights;     // nullptr: from the exponents
  bool equal;           // all exponents are zero
  const T* parameters;  // (layer_parameters, bins)
  const T* state;       // misi and mix have none
  T* projected;         // planar G; step: becomes the next state; step_backward: becomes the gradient of G
  T* next;              // step: the next state for the caller; nullptr: not wanted
  // step_backward alone
  T epsilon;            // V / |Y| and 1 / V count as at most 1 / epsilon (of the largest source's)
  T* gradient;          // planar: of the next state
  T* of_state;          // becomes that of the state; nullptr for misi and mix
  T* of_mixture;        // these are added to
  T* of_magnitudes;
  T* of_weights;        // not nullptr if there are weights
  T* of_parameters;     // written; nullptr: not wanted
};

template <class T>
struct UnfoldingKernels {
  void (*step)(const LayerFrame<T>&);
  void (*step_backward)(const LayerFrame<T>&);
  // projected = V X / |X|, and the gradients of V and X from `gradient`
  void (*take_mixture_phase)(const LayerFrame<T>&);
  void (*take_mixture_phase_backward)(const LayerFrame<T>&);
  // planar row += interleaved row, and out of it
  void (*add_interleaved)(const T* interleaved, std::size_t bins, std::size_t padded, T* planar);
  void (*to_interleaved)(const T* planar, std::size_t bins, std::size_t padded, T* interleaved);
};

}  // namespace phasewise
