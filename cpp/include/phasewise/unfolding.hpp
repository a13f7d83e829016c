// One layer of unfolded inversion, and its gradient: what torch composes networks of.
//
// Gradients follow torch's convention for complex numbers: derivative by the real part + i derivative by the imaginary part.
// They come and go in two parts that are to be added: spectra, and what the synthesis hands back of a gradient of signals.
// The latter is P^T H, P the projection on consistent spectrograms. P is self-adjoint where the bins that a one-sided spectrum
// mirrors count twice, so P^T H = a P (H / a): the synthesis of H / a says it all, in a signal per source.
#pragma once

#include "phasewise/stft.hpp"
#include "phasewise/kernels/unfolding_table.hpp"

namespace phasewise {

template <class T>
struct Unfolding {
  const StftPlan<T>* plan = nullptr;  // Padding::zeros or Padding::none
  std::size_t batch = 0, sources = 0, frames = 0;
  std::size_t length = 0;         // samples of the signals; plan->frames(length) == frames
  const T* mixture = nullptr;     // (batch, frames, bins) complex
  const T* magnitudes = nullptr;  // (batch, sources, frames, bins)
  const T* weights = nullptr;     // as magnitudes; nullptr: from the exponents
  const T* parameters = nullptr;  // (layer_parameters, bins)
  Layer layer = Layer::misi;
  T epsilon = T(1e-3);
  const T* state = nullptr;       // as magnitudes, complex; misi and mix have none
  const T* signal = nullptr;      // (batch, sources, length): synthesis of the state
};

// What comes from the layer after (in), and what goes to the arguments (added to) and to the layer before (out).
template <class T>
struct UnfoldingGradients {
  const T* spectra_in = nullptr;  // as the state; nullptr: none
  const T* signal_in = nullptr;   // as the signal; nullptr: none
  T* spectra_out = nullptr;       // may be spectra_in; not for misi and mix
  T* signal_out = nullptr;
  T* mixture = nullptr;
  T* magnitudes = nullptr;
  T* weights = nullptr;
  T* parameters = nullptr;        // (layer_parameters, bins), written; nullptr: not wanted
};

// Signals of the magnitudes with the phase of the mixture.
template <class T>
void unfold_start(const Unfolding<T>& problem, T* signal);
template <class T>
void unfold_start_backward(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients);

// The next state and its signals; either may be nullptr.
template <class T>
void unfold_step(const Unfolding<T>& problem, T* next, T* next_signal);
template <class T>
void unfold_step_backward(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients);

// spectra_out = the sum of both parts
template <class T>
void unfold_sum(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients);

}  // namespace phasewise
