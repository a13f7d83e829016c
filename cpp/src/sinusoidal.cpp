#include "phasewise/sinusoidal.hpp"

#include <algorithm>
#include <cmath>

#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

constexpr double peak_height = 0.01;  // relative to the frame's maximum
constexpr double log_floor = 1e-6;    // relative to the peak
constexpr double two_pi = 6.283185307179586476925286766559;
constexpr std::size_t block_bins = 256;

double fraction(double cycles) { return cycles - std::floor(cycles); }

// Cycles in [-1/2, 3/2) to (-1/2, 1/2].
double wrapped(double cycles) { return cycles > 0.5 ? cycles - 1 : cycles; }

template <class T>
double peak_frequency(const T* v, std::size_t k) {
  const double peak = static_cast<double>(v[k]), floor = log_floor * peak;
  const double a = std::log(std::max(static_cast<double>(v[k - 1]), floor)), b = std::log(peak);
  const double c = std::log(std::max(static_cast<double>(v[k + 1]), floor));
  return static_cast<double>(k) + (c - a) / (2 * (2 * b - a - c));
}

}  // namespace

template <class T>
std::size_t find_regions(const T* v, std::size_t bins, std::size_t n_fft, std::size_t hop, Region* regions) {
  const auto cycles = [&](double bin) { return fraction(static_cast<double>(hop) * bin / static_cast<double>(n_fft)); };
  const T threshold = static_cast<T>(peak_height) * *std::max_element(v, v + bins);
  std::size_t count = 0, last = 0;
  for (std::size_t k = 1; k + 1 < bins; ++k) {
    if (!(v[k] > v[k - 1]) || v[k] < threshold) continue;
    std::size_t next = k + 1;  // a plateau counts as a peak at its first bin
    while (next < bins && v[next] == v[k]) ++next;
    if (next == bins || v[next] > v[k]) {
      k = next - 1;
      continue;
    }
    if (count > 0) {
      const double before = static_cast<double>(v[last]), here = static_cast<double>(v[k]);
      regions[count - 1].end = last + static_cast<std::size_t>(std::floor(static_cast<double>(k - last) * (before / (before + here)))) + 1;
    }
    regions[count++] = {bins, cycles(peak_frequency(v, k))};
    last = k;
    k = next - 1;
  }
  if (count > 0) return count;
  for (std::size_t k = 0; k < bins; ++k) regions[k] = {k + 1, cycles(static_cast<double>(k))};
  return bins;
}

template <class T>
RegionTable<T>::RegionTable(std::size_t rows, std::size_t frames, std::size_t bins, std::size_t n_fft, std::size_t hop)
    : rows_(rows),
      frames_(frames),
      bins_(bins),
      n_fft_(n_fft),
      hop_(hop),
      frames_at_once_(std::clamp<std::size_t>(64 / std::max<std::size_t>(rows, 1), 1, 16)),
      regions_(rows * frames_at_once_ * bins),
      counts_(rows * frames_at_once_) {}

template <class T>
void RegionTable<T>::analyze(const T* magnitudes, std::size_t begin, std::size_t end) {
  parallel_for(rows_ * (end - begin), 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t row = i / (end - begin), frame = begin + i % (end - begin);
      const std::size_t slot = row * frames_at_once_ + frame % frames_at_once_;
      counts_[slot] = find_regions(magnitudes + (row * frames_ + frame) * bins_, bins_, n_fft_, hop_, &regions_[slot * bins_]);
    }
  });
}

template <class T>
void sinusoidal_phase(const SinusoidalPhase<T>& p) {
  // Cycles are added up in double precision whatever T is: rounding would drift over the frames.
  std::vector<double> cycles(p.batch * p.bins);
  RegionTable<T> table(p.batch, p.frames, p.bins, p.n_fft, p.hop);
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
            table.for_each(b, t, begin, end, [&](std::size_t from, std::size_t to, double advance) {
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

#define PW_INSTANTIATE(T)                                                                                        \
  template std::size_t find_regions<T>(const T*, std::size_t, std::size_t, std::size_t, Region*);                \
  template class RegionTable<T>;                                                                                 \
  template void sinusoidal_phase<T>(const SinusoidalPhase<T>&);
PW_INSTANTIATE(float)
PW_INSTANTIATE(double)
#undef PW_INSTANTIATE

}  // namespace phasewise
