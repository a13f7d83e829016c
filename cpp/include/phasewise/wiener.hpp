// The Wiener filter: every source gets its share of the mixture.
#pragma once

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
struct Wiener {
  std::size_t batch = 0, sources = 0, frames = 0, bins = 0;
  const T* mixture = nullptr;     // (batch, frames, bins) complex
  const T* magnitudes = nullptr;  // (batch, sources, frames, bins)
  Weighting weighting = Weighting::wiener;
  const T* weights = nullptr;     // Weighting::given: as magnitudes
  T* estimate = nullptr;          // (batch, sources, frames, bins) complex
};

// Bins in which all magnitudes are zero are shared equally.
template <class T>
void wiener(const Wiener<T>& problem);

}  // namespace phasewise
