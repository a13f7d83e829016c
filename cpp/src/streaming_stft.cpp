#include <algorithm>
#include <stdexcept>
#include <utility>

#include "phasewise/streaming.hpp"

namespace phasewise {

template <class T>
StreamingStft<T>::StreamingStft(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels)
    : plan_(std::move(plan)), channels_(channels) {
  if (plan_ == nullptr) throw std::invalid_argument("A stream needs a plan.");
  if (channels == 0) throw std::invalid_argument("channels must be at least 1, got 0.");
  // At most n_fft samples wait for a frame; as many again, so that they are moved to the front rarely.
  capacity_ = 2 * plan_->n_fft() + 2;
  history_ = AlignedBuffer<T>(channels * capacity_);
  gathered_ = AlignedBuffer<T>(plan_->n_fft());
  scratch_ = AlignedBuffer<T>(plan_->frame().scratch());
}

template <class T>
std::size_t StreamingStft<T>::latency() const {
  const std::size_t within = plan_->n_fft() - plan_->lead() - 1;
  return plan_->padding() == Padding::reflect ? std::max(within, plan_->lead()) : within;
}

template <class T>
std::size_t StreamingStft<T>::ready(std::size_t samples) const {
  const std::size_t n = plan_->n_fft(), lead = plan_->lead();
  if (samples + lead < n) return 0;
  if (plan_->padding() == Padding::reflect && samples <= lead) return 0;  // the start mirrors samples 1 to lead
  return 1 + (samples + lead - n) / plan_->hop();
}

template <class T>
std::size_t StreamingStft<T>::first_needed() const {
  // A mirror image at the end reaches one sample further back than the first frame that reaches the end.
  const std::size_t start = next_ * plan_->hop(), before = plan_->lead() + 1;
  return start < before ? 0 : start - before;
}

template <class T>
const T* StreamingStft<T>::frame_samples(const T* held) {
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(plan_->n_fft()), known = static_cast<std::ptrdiff_t>(received_);
  const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(next_ * plan_->hop()) - static_cast<std::ptrdiff_t>(plan_->lead());
  const std::ptrdiff_t begin = static_cast<std::ptrdiff_t>(begin_);
  if (start >= 0 && start + n <= known) return held + (start - begin);
  const bool zeros = plan_->padding() == Padding::zeros;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const std::ptrdiff_t sample = start + i;
    const bool beyond = sample < 0 || sample >= known;
    gathered_[static_cast<std::size_t>(i)] = beyond && zeros ? T(0) : held[plan_->source_of(sample, known) - begin];
  }
  return gathered_.data();
}

template <class T>
void StreamingStft<T>::transform_next(T* const* spectrum, std::size_t row) {
  const std::size_t width = 2 * plan_->bins();
  for (std::size_t c = 0; c < channels_; ++c)
    plan_->frame().kernels().forward(plan_->frame().view(), frame_samples(history_.data() + c * capacity_), spectrum[c] + row * width,
                                     scratch_.data());
  ++next_;
}

template <class T>
void StreamingStft<T>::push(const T* const* block, std::size_t samples, T* const* spectrum) {
  for (std::size_t taken = 0, row = 0; taken < samples;) {
    const std::size_t first = first_needed();
    if (received_ < first) {  // between frames that do not touch
      const std::size_t skipped = std::min(first - received_, samples - taken);
      taken += skipped;
      received_ += skipped;
      begin_ = received_;
      continue;
    }
    if (received_ - begin_ == capacity_) {
      for (std::size_t c = 0; c < channels_; ++c) {
        T* held = history_.data() + c * capacity_;
        std::copy(held + (first - begin_), held + capacity_, held);
      }
      begin_ = first;
    }
    const std::size_t held = received_ - begin_, count = std::min(capacity_ - held, samples - taken);
    for (std::size_t c = 0; c < channels_; ++c)
      std::copy(block[c] + taken, block[c] + taken + count, history_.data() + c * capacity_ + held);
    taken += count;
    received_ += count;
    for (const std::size_t stop = ready(received_); next_ < stop; ++row) transform_next(spectrum, row);
  }
}

template <class T>
std::size_t StreamingStft<T>::flush_frames() const {
  return received_ == 0 ? 0 : plan_->frames(received_) - next_;
}

template <class T>
void StreamingStft<T>::flush(T* const* spectrum) {
  for (std::size_t row = 0, left = flush_frames(); row < left; ++row) transform_next(spectrum, row);
  reset();
}

template <class T>
void StreamingStft<T>::reset() {
  received_ = next_ = begin_ = 0;
}

template class StreamingStft<float>;
template class StreamingStft<double>;

}  // namespace phasewise
