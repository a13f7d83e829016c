// Rows of a spectrogram from magnitudes and phases.
#pragma once

#include <cstddef>

#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"

namespace phasewise {

// out[k] = v[k] exp(2 pi i cycles[k]), interleaved
template <class T>
void write_polar(const PhaseKernels<T>& kernels, const T* v, const double* cycles, std::size_t n, T* out) {
  T* phasor = thread_scratch<T>(2 * n);
  kernels.turns(cycles, phasor, phasor + n, n);
  for (std::size_t k = 0; k < n; ++k) {
    out[2 * k] = v[k] * phasor[k];
    out[2 * k + 1] = v[k] * phasor[n + k];
  }
}

}  // namespace phasewise
