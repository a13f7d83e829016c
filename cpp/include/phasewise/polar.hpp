// Spectrograms from magnitudes and phases that are given bin by bin.
#pragma once

#include <cstddef>

namespace phasewise {

// estimate (batch, frames, bins), complex, = magnitudes (batch, frames, bins) times exp(2 pi i cycles), cycles (batch, bins, frames)
template <class T>
void polar(const T* magnitudes, const double* cycles, std::size_t batch, std::size_t frames, std::size_t bins, T* estimate);

}  // namespace phasewise
