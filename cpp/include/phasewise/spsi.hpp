// Single pass spectrogram inversion: the phases of spectral peaks, advanced by their frequencies from frame to frame.
#pragma once

#include <cstddef>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
struct SinglePass {
  std::size_t batch = 0, frames = 0, bins = 0, n_fft = 0, hop = 0;
  double centre = 0;              // sample of the frame on which the window is centred
  double lobe = 0;                // half the width of the main lobe of the window's transform, in bins
  const T* magnitudes = nullptr;  // (batch, frames, bins)
  T* estimate = nullptr;          // (batch, frames, bins) complex: the result
};

// Spectrograms are processed in parallel, each by one thread.
template <class T>
void single_pass(const SinglePass<T>& problem);

}  // namespace phasewise
