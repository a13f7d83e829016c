// Rows of a spectrogram from magnitudes and phases.
#pragma once

#include <cstddef>

#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"

namespace phasewise {

// out[k] = v[k] exp(2 pi i cycles[k]), interleaved; phasors: memory for 2 n values
template <class T>
void write_polar(const PhaseKernels<T>& kernels, const T* v, const double* cycles, std::size_t n, T* phasors, T* out) {
  kernels.turns(cycles, phasors, phasors + n, n);
  for (std::size_t k = 0; k < n; ++k) {
    out[2 * k] = v[k] * phasors[k];
    out[2 * k + 1] = v[k] * phasors[n + k];
  }
}
template <class T>
void write_polar(const PhaseKernels<T>& kernels, const T* v, const double* cycles, std::size_t n, T* out) {
  write_polar(kernels, v, cycles, n, thread_scratch<T>(2 * n), out);
}

}  // namespace phasewise
