#include <algorithm>
#include <stdexcept>
#include <utility>

#include "phasewise/streaming.hpp"

namespace phasewise {

template <class T>
StreamingIstft<T>::StreamingIstft(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels)
    : plan_(std::move(plan)), channels_(channels) {
  if (plan_ == nullptr) throw std::invalid_argument("A stream needs a plan.");
  if (channels == 0) throw std::invalid_argument("channels must be at least 1, got 0.");
  // One frame; as much again, so that unfinished sums are moved to the front rarely.
  capacity_ = 2 * plan_->n_fft();
  sums_ = AlignedBuffer<T>(channels * capacity_);
  scratch_ = AlignedBuffer<T>(plan_->frame().scratch());
  reset();
}

template <class T>
std::size_t StreamingIstft<T>::latency() const {
  const std::size_t lead = plan_->lead(), kept = plan_->n_fft() - lead, hop = plan_->hop();
  return lead + hop - std::min(hop, kept);
}

template <class T>
std::size_t StreamingIstft<T>::complete(std::size_t frames) const {
  const std::size_t lead = plan_->lead();
  if (frames == 0) return lead;
  return std::max(lead, (frames - 1) * plan_->hop() + std::min(plan_->hop(), plan_->n_fft() - lead));
}

// Makes room for the next frame; everything before it must have been written.
template <class T>
void StreamingIstft<T>::make_room() {
  const std::size_t start = next_ * plan_->hop();
  if (start - base_ + plan_->n_fft() <= capacity_) return;
  const std::size_t unfinished = reach(next_) - std::min(start, reach(next_));
  for (std::size_t c = 0; c < channels_; ++c) {
    T* sums = sums_.data() + c * capacity_;
    if (unfinished > 0) std::copy(sums + (start - base_), sums + (start - base_) + unfinished, sums);
    std::fill(sums + unfinished, sums + capacity_, T(0));
  }
  base_ = start;
}

template <class T>
void StreamingIstft<T>::write(const OverlapGain<T>& gain, std::size_t first, std::size_t last, std::size_t reach, T* const* signal,
                              std::size_t at) {
  if (first >= last) return;
  const std::size_t covered = std::clamp(reach, first, last) - first;
  for (std::size_t c = 0; c < channels_; ++c) {
    T* out = signal[c] + at;
    if (covered > 0) gain.apply(plan_->frame().kernels(), first, covered, sums_.data() + c * capacity_ + (first - base_), out);
    std::fill(out + covered, out + (last - first), T(0));
  }
}

template <class T>
void StreamingIstft<T>::push(const T* const* spectrum, std::size_t frames, T* const* signal) {
  const OverlapGain<T> gain = plan_->gain(OverlapGain<T>::endless);
  const std::size_t width = 2 * plan_->bins(), written = complete(next_);
  for (std::size_t f = 0; f < frames; ++f) {
    const std::size_t start = next_ * plan_->hop(), done = complete(next_), untouched = std::max(done, start);
    write(gain, done, untouched, reach(next_), signal, done - written);
    make_room();
    for (std::size_t c = 0; c < channels_; ++c)
      plan_->frame().kernels().inverse_add(plan_->frame().view(), spectrum[c] + f * width, sums_.data() + c * capacity_ + (start - base_),
                                           plan_->fresh(next_), scratch_.data());
    ++next_;
    write(gain, untouched, complete(next_), reach(next_), signal, untouched - written);
  }
}

template <class T>
void StreamingIstft<T>::flush(std::size_t length, T* const* signal) {
  if (length < returned()) throw std::invalid_argument("The stream has returned more samples than its length.");
  const std::size_t done = complete(next_);
  write(plan_->gain(next_), done, plan_->lead() + length, reach(next_), signal, 0);
  reset();
}

template <class T>
void StreamingIstft<T>::reset() {
  next_ = base_ = 0;
  std::fill(sums_.data(), sums_.data() + sums_.size(), T(0));
}

template class StreamingIstft<float>;
template class StreamingIstft<double>;

}  // namespace phasewise
