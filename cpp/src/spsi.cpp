#include "phasewise/spsi.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "peak_frequency.hpp"
#include "phasewise/threads.hpp"
#include "polar_rows.hpp"

namespace phasewise {
namespace {

// Advances the phases of one frame, in cycles. Every peak takes its hill along, down to the troughs; of a trough between
// two peaks, the second one. Within the main lobe of the window's transform phases fall by centre / n_fft per bin. Side
// lobes alternate in sign, which undoes that for a window centred in its frame: there phases stay the same.
template <class T>
void advance(const SinglePass<T>& p, const T* v, double* cycles) {
  const double hops = static_cast<double>(p.hop) / static_cast<double>(p.n_fft), step = p.centre / static_cast<double>(p.n_fft);
  for (std::size_t k = 1; k + 1 < p.bins; ++k) {
    if (!(v[k] > v[k - 1] && v[k] >= v[k + 1])) continue;
    const double q = peak_frequency(v, k);
    cycles[k] += hops * q;
    for (std::size_t i = k; i > 0 && v[i - 1] < v[i]; --i)
      cycles[i - 1] = cycles[i] + (q - static_cast<double>(i - 1) < p.lobe ? step : 0.0);
    for (std::size_t i = k; i + 1 < p.bins && v[i + 1] < v[i]; ++i)
      cycles[i + 1] = cycles[i] - (static_cast<double>(i + 1) - q < p.lobe ? step : 0.0);
  }
  for (std::size_t k = 0; k < p.bins; ++k) cycles[k] -= std::floor(cycles[k]);
}

}  // namespace

template <class T>
void single_pass(const SinglePass<T>& p) {
  const PhaseKernels<T>& kernels = phase_kernels<T>(active_isa());
  parallel_for(p.batch, 1, [&](std::size_t first, std::size_t last) {
    std::vector<double> cycles(p.bins);
    for (std::size_t b = first; b < last; ++b) {
      std::fill(cycles.begin(), cycles.end(), 0.0);
      for (std::size_t row = b * p.frames; row < (b + 1) * p.frames; ++row) {
        const T* v = p.magnitudes + row * p.bins;
        advance(p, v, cycles.data());
        write_polar(kernels, v, cycles.data(), p.bins, p.estimate + 2 * row * p.bins);
      }
    }
  });
}

template void single_pass<float>(const SinglePass<float>&);
template void single_pass<double>(const SinglePass<double>&);

}  // namespace phasewise
