// The anisotropic Wiener filter: sources of given magnitudes whose phases are known more or less well.
#pragma once

#include <functional>

#include "phasewise/dispatch.hpp"
#include "phasewise/sinusoidal.hpp"

namespace phasewise {

// Source j has the moments of V_j exp(i phi), phi von Mises distributed around the phase that it starts from. Frames come
// in order; each starts from the phases of the finished frame before.
template <class T>
struct AnisotropicWiener {
  std::size_t batch = 0, sources = 0, frames = 0, bins = 0, n_fft = 0;
  const T* mixture = nullptr;             // (batch, frames, bins) complex
  const T* magnitudes = nullptr;          // (batch, sources, frames, bins)
  const double* concentrations = nullptr; // (sources): kappa of the phases; 0 for all makes the Wiener filter, to the bit
  T* estimate = nullptr;                  // (batch, sources, frames, bins) complex: the posterior means
  T* prior = nullptr;                     // as estimate: phasors of the phases before the mixture was seen; or nullptr
  T* variance = nullptr;                  // (batch, sources, frames, bins): E|S - mean|^2 of the posterior, or nullptr
  T* relation = nullptr;                  // as estimate: E(S - mean)^2 of the posterior; wanted with the variance

  // Where frames start from, as for Mixing.
  std::size_t hop = 0;
  PhaseArray<T> start_phase, onset_phase;
  const unsigned char* onsets = nullptr;  // (batch, sources, frames), or nullptr
};

// `between` is called every few frames and may throw to stop.
template <class T>
void anisotropic_wiener(const AnisotropicWiener<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
