// Phase gradient heap integration: the phase of a spectrogram from its magnitudes, without iterations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
struct PhaseIntegration {
  std::size_t batch = 0, frames = 0, bins = 0, n_fft = 0, hop = 0;
  // The window: it is centred on this sample of its frame, and as wide as exp(-pi l^2 / width).
  double centre = 0, width = 0;
  double tolerance = 0;                  // values up to this share of their spectrogram's largest get pseudo-random phases
  const T* magnitudes = nullptr;         // (batch, frames, bins), each spectrogram of less than 2^32 - 1 values
  const std::uint64_t* seeds = nullptr;  // (batch): of the pseudo-random phases
  T* estimate = nullptr;                 // (batch, frames, bins) complex: the result
};

// Spectrograms are integrated in parallel, each by one thread. `between` is called now and then and may throw to stop.
template <class T>
void integrate_phase(const PhaseIntegration<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
