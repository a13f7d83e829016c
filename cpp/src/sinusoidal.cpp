#include "phasewise/sinusoidal.hpp"

#include <algorithm>
#include <cmath>

#include "phasewise/threads.hpp"
#include "regions.hpp"

namespace phasewise {
namespace {

constexpr double two_pi = 6.283185307179586476925286766559;
constexpr std::size_t block_bins = 256;

// Cycles in [-1/2, 3/2) to (-1/2, 1/2].
double wrapped(double cycles) { return cycles > 0.5 ? cycles - 1 : cycles; }

}  // namespace

template <class T>
RegionTable<T>::RegionTable(std::size_t rows, std::size_t frames, std::size_t bins, std::size_t n_fft, std::size_t hop, bool with_turns)
    : rows_(rows),
      frames_(frames),
      bins_(bins),
      n_fft_(n_fft),
      hop_(hop),
      frames_at_once_(std::clamp<std::size_t>(64 / std::max<std::size_t>(rows, 1), 1, 16)),
      kernels_(phase_kernels<T>(active_isa())),
      counts_(rows * frames_at_once_),
      ends_(counts_.size() * bins),
      cycles_(ends_.size()),
      turns_(with_turns ? 2 * ends_.size() : 0) {}

template <class T>
void RegionTable<T>::analyze(const T* magnitudes, std::size_t begin, std::size_t end) {
  parallel_for(rows_ * (end - begin), 1, [&](std::size_t first, std::size_t last) {
    std::vector<std::uint32_t> summits(bins_ / 2 + 1);
    std::vector<double> advances(summits.size());
    const double hops = static_cast<double>(hop_) / static_cast<double>(n_fft_);
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t row = i / (end - begin), frame = begin + i % (end - begin);
      const std::size_t slot = row * frames_at_once_ + frame % frames_at_once_, offset = slot * bins_;
      counts_[slot] = find_regions(kernels_, magnitudes + (row * frames_ + frame) * bins_, bins_, hops, summits.data(), advances.data(),
                                   &ends_[offset], &cycles_[offset]);
      if (!turns_.empty())
        kernels_.turns(&cycles_[offset], &turns_[offset], &turns_[cycles_.size() + offset], counts_[slot]);
    }
  });
}

template <class T>
void sinusoidal_phase(const SinusoidalPhase<T>& p) {
  // Cycles are added up in double precision whatever T is: rounding would drift over the frames.
  std::vector<double> cycles(p.batch * p.bins);
  RegionTable<T> table(p.batch, p.frames, p.bins, p.n_fft, p.hop, false);
  const std::size_t blocks = (p.bins + block_bins - 1) / block_bins;

  const auto restart = [&](std::size_t b, std::size_t t, std::size_t begin, std::size_t end, double* sum) {
    const std::size_t row = (b * p.frames + t) * p.bins;
    for (std::size_t k = begin; k < end; ++k) {
      double angle = 0;
      if (p.onset_phase.values != nullptr) {
        const T* value = p.onset_phase.values + (p.onset_phase.complex ? 2 : 1) * (row + k);
        angle = p.onset_phase.complex ? std::atan2(static_cast<double>(value[1]), static_cast<double>(value[0])) : static_cast<double>(*value);
      }
      sum[k] = wrapped(fraction(angle / two_pi));
    }
  };
  for (std::size_t chunk = 0; chunk < p.frames; chunk += table.frames_at_once()) {
    const std::size_t stop = std::min(p.frames, chunk + table.frames_at_once());
    table.analyze(p.magnitudes, chunk, stop);
    parallel_for(p.batch * blocks, 1, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = first; i < last; ++i) {
        const std::size_t b = i / blocks, begin = i % blocks * block_bins, end = std::min(p.bins, begin + block_bins);
        double* sum = cycles.data() + b * p.bins;
        for (std::size_t t = chunk; t < stop; ++t) {
          if (t == 0 || (p.onsets != nullptr && p.onsets[b * p.frames + t] != 0)) {
            restart(b, t, begin, end, sum);
          } else {
            table.for_each(b, t, begin, end, [&](std::size_t from, std::size_t to, std::size_t region) {
              const double advance = table.cycles(region);
              for (std::size_t k = from; k < to; ++k) sum[k] = wrapped(sum[k] + advance);
            });
          }
          T* out = p.phase + (b * p.frames + t) * p.bins;
          for (std::size_t k = begin; k < end; ++k) out[k] = static_cast<T>(two_pi * sum[k]);
        }
      }
    });
  }
}

template class RegionTable<float>;
template class RegionTable<double>;
template void sinusoidal_phase<float>(const SinusoidalPhase<float>&);
template void sinusoidal_phase<double>(const SinusoidalPhase<double>&);

}  // namespace phasewise
