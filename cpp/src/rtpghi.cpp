#include "phasewise/rtpghi.hpp"

#include <algorithm>
#include <cmath>

#include "integration.hpp"
#include "polar_rows.hpp"

namespace phasewise {

template <class T>
RealTimeIntegration<T>::RealTimeIntegration(const StftPlan<T>& plan, const std::vector<std::uint64_t>& seeds,
                                            const RealTimeIntegrationOptions& options)
    : kernels_(phase_kernels<T>(plan.isa())),
      options_(options),
      seeds_(seeds),
      bins_(plan.bins()),
      n_fft_(plan.n_fft()),
      hop_(plan.hop()),
      along_bins_(static_cast<double>(hop_) * static_cast<double>(n_fft_) / (two_pi * options.width)),
      along_frames_(options.width / (two_pi * static_cast<double>(hop_) * static_cast<double>(n_fft_))),
      magnitudes_(3 * seeds.size() * bins_),
      largest_(3 * seeds.size()),
      before_(2 * seeds.size() * bins_),
      cycles_(bins_),
      per_frame_(bins_),
      per_bin_(bins_),
      phasors_(2 * bins_),
      queue_(std::make_unique<LevelQueue>(2 * bins_)) {
  rest_.reserve(bins_);
  reset();
}

template <class T>
RealTimeIntegration<T>::~RealTimeIntegration() = default;

template <class T>
void RealTimeIntegration<T>::reset() {
  count_ = 0;
  std::fill(magnitudes_.data(), magnitudes_.data() + magnitudes_.size(), T(0));
  std::fill(largest_.begin(), largest_.end(), 0.0);
  std::fill(before_.begin(), before_.end(), 0.0);
}

template <class T>
void RealTimeIntegration<T>::take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) {
  std::copy(frame.magnitudes, frame.magnitudes + bins_, magnitudes(channel, count_));
  largest(channel, count_) = static_cast<double>(*std::max_element(frame.magnitudes, frame.magnitudes + bins_));
  if (count_ >= lookahead()) integrate(channel, count_ - lookahead(), count_, estimate);
}

template <class T>
void RealTimeIntegration<T>::finish(std::size_t channel, T* estimate) {
  integrate(channel, count_ - 1, count_ - 1, estimate);
}

// Derivatives of log magnitudes, which stay above a share of `level`. The advance per frame, which is along the bins, needs
// frame t alone; the one per bin is along the frames.
template <class T>
void RealTimeIntegration<T>::find_gradient(std::size_t channel, std::size_t t, std::size_t last, double level) {
  const double floor = std::max(options_.tolerance, log_floor), linear = options_.centre / static_cast<double>(n_fft_);
  const auto above = [&](T x) { return std::max(static_cast<double>(x) / level, floor); };
  const auto rise = [&](T to, T from) { return std::log(above(to) / above(from)); };
  const T* v = magnitudes(channel, t);
  for (std::size_t m = 0; m < bins_; ++m) {
    const double turn = static_cast<double>(hop_ % n_fft_ * m % n_fft_) / static_cast<double>(n_fft_);
    // The spectrum of a real signal is even around 0 Hz and around half the sample rate, on a bin or between two.
    const bool edge = m == 0 || (n_fft_ % 2 == 0 && m + 1 == bins_);
    per_frame_[m] = edge ? turn : turn + along_bins_ * (rise(v[m + 1 == bins_ ? m : m + 1], v[m - 1]) / 2);
  }
  const T* before = magnitudes(channel, t + 2);  // frame t - 1; only used from frame 1 on
  const T* beyond = magnitudes(channel, t + 1);  // frame t + 1 or t - 2
  for (std::size_t m = 0; m < bins_; ++m) {
    double slope = 0;
    if (last > t) slope = t == 0 ? rise(beyond[m], v[m]) : rise(beyond[m], before[m]) / 2;
    else if (t == 1 || (t > 0 && options_.lookahead)) slope = rise(v[m], before[m]);
    else if (t > 1) slope = (3 * rise(v[m], before[m]) - rise(before[m], beyond[m])) / 2;
    per_bin_[m] = -linear - along_frames_ * slope;
  }
}

// Reaches from all values in the queue those of the frame in hand that wait.
template <class T>
void RealTimeIntegration<T>::spread(const T* v, double level) {
  LevelQueue& queue = *queue_;
  const auto reach = [&](std::size_t m, double phase) {
    cycles_[m] = phase - std::floor(phase);
    queue.push(bins_ + m, static_cast<double>(v[m]) / level);
  };
  while (!queue.empty()) {
    const std::size_t i = queue.pop();
    if (i < bins_) {
      if (queue.is_waiting(bins_ + i)) reach(i, cycles_[i]);
      continue;
    }
    const std::size_t m = i - bins_;
    if (m + 1 < bins_ && queue.is_waiting(i + 1)) reach(m + 1, cycles_[m] + (per_bin_[m] + per_bin_[m + 1]) / 2);
    if (m > 0 && queue.is_waiting(i - 1)) reach(m - 1, cycles_[m] - (per_bin_[m] + per_bin_[m - 1]) / 2);
  }
}

template <class T>
void RealTimeIntegration<T>::integrate(std::size_t channel, std::size_t t, std::size_t last, T* estimate) {
  const T *v = magnitudes(channel, t), *before = magnitudes(channel, t + 2);
  double* cycles_before = before_.data() + 2 * channel * bins_;
  double* per_frame_before = cycles_before + bins_;
  const double level = std::max({largest(channel, 0), largest(channel, 1), largest(channel, 2)});
  LevelQueue& queue = *queue_;
  queue.reset();
  if (level > 0) {
    find_gradient(channel, t, last, level);
    const double least = options_.tolerance * level;
    for (std::size_t m = 0; m < bins_; ++m) {
      // Where the last frame leads to, until something louder has.
      cycles_[m] = cycles_before[m] + (per_frame_before[m] + per_frame_[m]) / 2;
      if (!(static_cast<double>(v[m]) > least)) {
        queue.exclude(bins_ + m);
        cycles_[m] = hashed_cycles(seeds_[channel], t * bins_ + m);
      }
      if (t > 0 && static_cast<double>(before[m]) > least) queue.push(m, static_cast<double>(before[m]) / level);
    }
    spread(v, level);
    // Islands, each from its largest value.
    rest_.clear();
    for (std::size_t m = 0; m < bins_; ++m)
      if (queue.is_waiting(bins_ + m)) rest_.push_back(static_cast<std::uint32_t>(m));
    std::sort(rest_.begin(), rest_.end(), [&](std::uint32_t a, std::uint32_t b) { return v[a] > v[b] || (v[a] == v[b] && a < b); });
    for (const std::uint32_t m : rest_)
      if (queue.is_waiting(bins_ + m)) {
        cycles_[m] = 0;
        queue.push(bins_ + m, static_cast<double>(v[m]) / level);
        spread(v, level);
      }
  } else {
    for (std::size_t m = 0; m < bins_; ++m) {
      per_frame_[m] = 0;
      cycles_[m] = hashed_cycles(seeds_[channel], t * bins_ + m);
    }
  }
  write_polar(kernels_, v, cycles_.data(), bins_, phasors_.data(), estimate);
  std::copy(cycles_.begin(), cycles_.end(), cycles_before);
  std::copy(per_frame_.begin(), per_frame_.end(), per_frame_before);
}

template class RealTimeIntegration<float>;
template class RealTimeIntegration<double>;

}  // namespace phasewise
