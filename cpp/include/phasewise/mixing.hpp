// Sources of given magnitudes whose sum comes near a mixture, bin by bin; and PU-Iter, which makes each frame start from
// the phases of the finished frame before, advanced by the sinusoidal model.
#pragma once

#include <functional>

#include "phasewise/dispatch.hpp"
#include "phasewise/sinusoidal.hpp"

namespace phasewise {

template <class T>
struct Mixing {
  std::size_t batch = 0, sources = 0, frames = 0, bins = 0, n_fft = 0, n_iter = 0;
  const T* mixture = nullptr;     // (batch, frames, bins) complex
  const T* magnitudes = nullptr;  // (batch, sources, frames, bins)
  Weighting weighting = Weighting::wiener;
  const T* weights = nullptr;     // Weighting::given: as magnitudes
  bool refresh = false;           // see MixingBlock
  // > 0: |X - sum S|^2 + anchor sum |S - start|^2 is what falls, and what cost holds
  T anchor = 0;
  T* estimate = nullptr;          // (batch, sources, frames, bins) complex: the result
  double* cost = nullptr;         // (batch, n_iter): |X - sum S|^2 after each iteration, both halves of the spectrum; or nullptr

  // Where frames start from. Frame 0 and, source by source, onset frames: onset_phase. All others: the sinusoidal model if
  // hop > 0, else start_phase. Either array is laid out as estimate; none stands for the phase of the mixture.
  std::size_t hop = 0;
  PhaseArray<T> start_phase, onset_phase;
  const unsigned char* onsets = nullptr;  // (batch, sources, frames), or nullptr
};

// `between` is called every few frames and may throw to stop.
template <class T>
void mixing_iterations(const Mixing<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
