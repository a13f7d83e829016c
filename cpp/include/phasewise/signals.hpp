// Batches of signals and of spectrograms, wherever they lie in memory. Distances are counted in scalars.
#pragma once

#include <cstddef>

namespace phasewise {

// Sample i of signal b: start(b)[i * stride].
template <class T>
struct Signals {
  const T* data;
  std::size_t batch, samples;
  std::ptrdiff_t stride = 1;
  const std::ptrdiff_t* offsets = nullptr;  // where the signals start; nullptr: one after the other

  const T* start(std::size_t b) const { return data + (offsets != nullptr ? offsets[b] : static_cast<std::ptrdiff_t>(b * samples)); }
};

// Bin k of frame t of spectrogram b: (real, imaginary) at start(b) + t * frame_stride + k * bin_stride.
template <class T>
struct Spectra {
  const T* data;
  std::size_t batch, frames, bins;
  std::ptrdiff_t bin_stride = 2, frame_stride = static_cast<std::ptrdiff_t>(2 * bins);
  const std::ptrdiff_t* offsets = nullptr;  // where the spectrograms start; nullptr: one after the other

  const T* start(std::size_t b) const {
    return data + (offsets != nullptr ? offsets[b] : static_cast<std::ptrdiff_t>(2 * b * frames * bins));
  }
};

}  // namespace phasewise
