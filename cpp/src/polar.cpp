#include "phasewise/polar.hpp"

#include <algorithm>

#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"
#include "polar_rows.hpp"

namespace phasewise {

template <class T>
void polar(const T* magnitudes, const double* cycles, std::size_t batch, std::size_t frames, std::size_t bins, T* estimate) {
  constexpr std::size_t tile = 4;  // frames that are transposed together: their rows stay in the first-level cache
  const PhaseKernels<T>& kernels = phase_kernels<T>(active_isa());
  const std::size_t tiles = (frames + tile - 1) / tile;
  parallel_for(batch * tiles, 1, [&](std::size_t begin, std::size_t end) {
    AlignedBuffer<double> rows(tile * bins);
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t b = i / tiles, first = i % tiles * tile, count = std::min(tile, frames - first);
      for (std::size_t k = 0; k < bins; ++k)
        for (std::size_t t = 0; t < count; ++t) rows[t * bins + k] = cycles[(b * bins + k) * frames + first + t];
      for (std::size_t t = 0; t < count; ++t) {
        const std::size_t row = (b * frames + first + t) * bins;
        write_polar(kernels, magnitudes + row, rows.data() + t * bins, bins, estimate + 2 * row);
      }
    }
  });
}

template void polar(const float*, const double*, std::size_t, std::size_t, std::size_t, float*);
template void polar(const double*, const double*, std::size_t, std::size_t, std::size_t, double*);

}  // namespace phasewise
