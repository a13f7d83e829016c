#include "phasewise/overlap_gain.hpp"

#include <algorithm>

namespace phasewise {
namespace {

// Where the squared windows sum to less than this share of the largest sum that they can have, the overlap-add is left as
// it is. The share does not depend on the number of frames: a stream does not know it.
constexpr double negligible = 1e-11;

// A short period is repeated, so that the gains of many samples lie side by side.
constexpr std::size_t long_enough = 1024;

}  // namespace

template <class T>
OverlapGainTable<T>::OverlapGainTable(const double* window, std::size_t n, std::size_t hop)
    : hop_(hop), period_(hop), floor_(0), squared_(n), head_(n > hop ? n - hop : 0), tail_(head_.size()) {
  for (std::size_t i = 0; i < n; ++i) squared_[i] = window[i] * window[i];
  std::vector<double> sums = squared_;
  for (std::size_t i = hop; i < n; ++i) sums[i] += sums[i - hop];
  const std::size_t overlapping = head_.size(), whole = n - overlapping;  // `whole` positions of a period have their last frame
  for (std::size_t i = overlapping; i < n; ++i) floor_ = std::max(floor_, negligible * sums[i]);
  for (std::size_t i = 0; i < overlapping; ++i) head_[i] = gain(sums[i]);
  body_.resize(whole);
  for (std::size_t i = 0; i < whole; ++i) body_[i] = gain(sums[overlapping + i]);
  if (hop < long_enough) {
    body_.resize(hop, T(0));
    period_ = hop * ((long_enough - 1) / hop + 1);
    body_.reserve(period_);
    while (body_.size() < period_) body_.push_back(body_[body_.size() - hop]);
  }
  sums = squared_;
  for (std::size_t i = overlapping; i-- > 0;) sums[i] += sums[i + hop];
  for (std::size_t i = 0; i < overlapping; ++i) tail_[i] = gain(sums[i + hop]);
}

template <class T>
T OverlapGainTable<T>::gain(double energy) const {
  return static_cast<T>(energy > floor_ ? 1.0 / energy : 1.0);
}

template <class T>
void OverlapGainTable<T>::short_tail(std::size_t frames, std::size_t first, std::size_t count, T* out) const {
  for (std::size_t i = 0; i < count; ++i) {
    double energy = 0;
    for (std::size_t k = 1; k <= frames && first + i + k * hop_ < squared_.size(); ++k) energy += squared_[first + i + k * hop_];
    out[i] = gain(energy);
  }
}

template <class T>
OverlapGain<T>::OverlapGain(const OverlapGainTable<T>& table, std::size_t frames) : table_(&table), frames_(frames) {
  const std::size_t n = table.squared_.size(), hop = table.hop_;
  const bool unbounded = frames >= (endless - n) / hop;
  reach_ = frames == 0 ? 0 : unbounded ? endless : hop * (frames - 1) + n;
  body_end_ = unbounded ? endless : std::min(frames * hop, reach_);
}

template <class T>
void OverlapGain<T>::apply(const TransformKernels<T>& kernels, std::size_t position, std::size_t count, const T* in, T* out) const {
  const OverlapGainTable<T>& table = *table_;
  const std::size_t head = table.head_.size(), body = table.body_.size();
  T summed[64];
  while (count > 0) {
    const T* gain = nullptr;  // no frame here
    std::size_t room = count;
    if (position < std::min(head, body_end_)) {
      gain = table.head_.data() + position;
      room = std::min(head, body_end_) - position;
    } else if (position < body_end_) {
      const std::size_t phase = (position - head) % table.period_;
      if (phase < body) gain = table.body_.data() + phase;
      room = std::min((phase < body ? body : table.period_) - phase, body_end_ - position);
    } else if (position < reach_) {
      const std::size_t first = position - body_end_;
      room = reach_ - position;
      if ((frames_ + 1) * table.hop_ >= table.squared_.size()) {
        gain = table.tail_.data() + first;
      } else {
        room = std::min<std::size_t>(room, 64);
        table.short_tail(frames_, first, room, summed);
        gain = summed;
      }
    }
    room = std::min(room, count);
    if (gain != nullptr) kernels.multiply(in, gain, out, room);
    else std::fill(out, out + room, T(0));
    position += room;
    in += room;
    out += room;
    count -= room;
  }
}

template class OverlapGainTable<float>;
template class OverlapGainTable<double>;
template class OverlapGain<float>;
template class OverlapGain<double>;

}  // namespace phasewise
