#include "phasewise/pghi.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"
#include "integration.hpp"
#include "polar_rows.hpp"

namespace phasewise {
namespace {

// Log magnitudes s of one spectrogram relative to the largest, (frames, bins), and the gradient of the phase that follows from them.
template <class T>
class Gradient {
 public:
  Gradient(const PhaseIntegration<T>& p, const T* s)
      : s_(s),
        frames_(p.frames),
        bins_(p.bins),
        n_fft_(p.n_fft),
        hop_(p.hop % p.n_fft),
        even_(p.n_fft % 2 == 0),
        along_bins_(static_cast<double>(p.hop) * static_cast<double>(p.n_fft) / (two_pi * p.width)),
        along_frames_(p.width / (two_pi * static_cast<double>(p.hop) * static_cast<double>(p.n_fft))),
        linear_(p.centre / static_cast<double>(p.n_fft)) {}

  double per_frame(std::size_t m, std::size_t n) const {
    const double turn = static_cast<double>(hop_ * m % n_fft_) / static_cast<double>(n_fft_);
    const T* s = s_ + n * bins_;
    // The spectrum of a real signal is even around 0 Hz and around half the sample rate, on a bin or between two.
    if (m == 0 || (even_ && m + 1 == bins_)) return turn;
    return turn + along_bins_ * (difference(s[m + 1 == bins_ ? m : m + 1], s[m - 1]) / 2);
  }
  double per_bin(std::size_t m, std::size_t n) const {
    const bool first = n == 0, last = n + 1 == frames_;
    if (first && last) return -linear_;
    const T* s = s_ + n * bins_ + m;
    const double slope = difference(last ? *s : s[bins_], first ? *s : *(s - bins_));
    return -linear_ - along_frames_ * (first || last ? slope : slope / 2);
  }

 private:
  static double difference(T a, T b) { return static_cast<double>(a) - static_cast<double>(b); }

  const T* s_;
  std::size_t frames_, bins_, n_fft_, hop_;
  bool even_;
  double along_bins_, along_frames_, linear_;
};

// Integrates one spectrogram. v and cycles: (frames, bins)
template <class T>
void integrate(const PhaseIntegration<T>& p, const T* v, double largest, const Gradient<T>& gradient, std::uint64_t seed, LevelQueue& queue,
               double* cycles) {
  const std::size_t size = p.frames * p.bins;
  const double least = p.tolerance * largest;
  const auto ratio = [&](std::size_t i) { return static_cast<double>(v[i]) / largest; };
  const auto reach = [&](std::size_t i, double phase) {
    cycles[i] = phase - std::floor(phase);
    queue.push(i, ratio(i));
  };
  const auto spread = [&](std::size_t start) {
    reach(start, 0.0);
    while (!queue.empty()) {
      const std::size_t i = queue.pop(), n = i / p.bins, m = i % p.bins;
      const double along_time = n > 0 || n + 1 < p.frames ? gradient.per_frame(m, n) : 0.0;
      if (n + 1 < p.frames && queue.is_waiting(i + p.bins)) reach(i + p.bins, cycles[i] + (along_time + gradient.per_frame(m, n + 1)) / 2);
      if (n > 0 && queue.is_waiting(i - p.bins)) reach(i - p.bins, cycles[i] - (along_time + gradient.per_frame(m, n - 1)) / 2);
      const bool up = m + 1 < p.bins && queue.is_waiting(i + 1), down = m > 0 && queue.is_waiting(i - 1);
      if (!up && !down) continue;
      const double along_bins = gradient.per_bin(m, n);
      if (up) reach(i + 1, cycles[i] + (along_bins + gradient.per_bin(m + 1, n)) / 2);
      if (down) reach(i - 1, cycles[i] - (along_bins + gradient.per_bin(m - 1, n)) / 2);
    }
  };

  queue.reset();
  for (std::size_t i = 0; i < size; ++i)
    if (!(static_cast<double>(v[i]) > least)) {
      queue.exclude(i);
      cycles[i] = hashed_cycles(seed, i);
    }
  if (largest == 0) return;
  spread(static_cast<std::size_t>(std::max_element(v, v + size) - v));
  // Islands, each from its largest value.
  std::vector<std::uint32_t> rest;
  for (std::size_t i = 0; i < size; ++i)
    if (queue.is_waiting(i)) rest.push_back(static_cast<std::uint32_t>(i));
  std::stable_sort(rest.begin(), rest.end(), [&](std::uint32_t a, std::uint32_t b) { return v[a] > v[b]; });
  for (const std::uint32_t i : rest)
    if (queue.is_waiting(i)) spread(i);
}

}  // namespace

template <class T>
void integrate_phase(const PhaseIntegration<T>& p, const std::function<void()>& between) {
  const std::size_t size = p.frames * p.bins;
  if (size >= 0xFFFFFFFEu) throw std::invalid_argument("a spectrogram has too many values");
  const PhaseKernels<T>& kernels = phase_kernels<T>(active_isa());
  // As many spectrograms at a time as there are threads: memory is for these, and a single one uses all threads for
  // what is not sequential.
  const std::size_t group = std::max<std::size_t>(1, std::min(p.batch, static_cast<std::size_t>(num_threads())));
  AlignedBuffer<T> logs(group * size);
  AlignedBuffer<double> cycles(group * size);
  std::vector<double> largest(group);
  std::vector<LevelQueue> queues(group, LevelQueue(size));
  for (std::size_t begin = 0; begin < p.batch; begin += group) {
    between();
    const std::size_t count = std::min(group, p.batch - begin);
    const T* v = p.magnitudes + begin * size;
    for (std::size_t b = 0; b < count; ++b) largest[b] = static_cast<double>(*std::max_element(v + b * size, v + (b + 1) * size));
    parallel_for(count * p.frames, 1, [&](std::size_t first, std::size_t last) {
      for (std::size_t row = first; row < last; ++row) {
        const T top = largest[row / p.frames] > 0 ? static_cast<T>(largest[row / p.frames]) : T(1);
        const T floor = static_cast<T>(std::max(p.tolerance, log_floor));
        for (std::size_t i = row * p.bins; i < (row + 1) * p.bins; ++i) logs[i] = std::log(std::max(v[i] / top, floor));
      }
    });
    between();
    parallel_for(count, 1, [&](std::size_t first, std::size_t last) {
      for (std::size_t b = first; b < last; ++b)
        integrate(p, v + b * size, largest[b], Gradient<T>(p, logs.data() + b * size), p.seeds[begin + b], queues[b],
                  cycles.data() + b * size);
    });
    parallel_for(count * p.frames, 1, [&](std::size_t first, std::size_t last) {
      for (std::size_t row = first; row < last; ++row)
        write_polar(kernels, v + row * p.bins, cycles.data() + row * p.bins, p.bins, p.estimate + 2 * (begin * size + row * p.bins));
    });
  }
}

template void integrate_phase<float>(const PhaseIntegration<float>&, const std::function<void()>&);
template void integrate_phase<double>(const PhaseIntegration<double>&, const std::function<void()>&);

}  // namespace phasewise
