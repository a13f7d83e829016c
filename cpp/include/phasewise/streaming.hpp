// The short-time transform and its inverse of streams that come in blocks of any size. However a stream is cut, its frames
// and samples are those of StftPlan::analyze() and synthesize() on all of it, bit for bit.
//
// The caller owns the results: the members `frames` and `samples` say how much the next call will write. Nothing is
// allocated after construction and no other thread is used, so that an audio callback may call everything. An object must
// not be used by two threads at once. Channels are passed as one pointer each.
#pragma once

#include <cstddef>
#include <memory>

#include "phasewise/aligned.hpp"
#include "phasewise/stft.hpp"

namespace phasewise {

template <class T>
class StreamingStft {
 public:
  // Throws std::invalid_argument without a plan or without channels.
  explicit StreamingStft(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels = 1);

  const StftPlan<T>& plan() const { return *plan_; }
  std::size_t channels() const { return channels_; }
  // Frame t is complete with sample t * hop + latency() at the latest.
  std::size_t latency() const;
  // Samples of the stream so far.
  std::size_t received() const { return received_; }

  // Frames that a push of `samples` samples will give.
  std::size_t frames(std::size_t samples) const { return ready(received_ + samples) - next_; }
  // block[channel]: `samples` samples; spectrum[channel]: (frames(samples), bins), complex numbers interleaved.
  void push(const T* const* block, std::size_t samples, T* const* spectrum);

  // Frames that the end of the stream will give: those that reach into the padding behind it. A stream that is too short
  // for the offline transform has none.
  std::size_t flush_frames() const;
  // Ends the stream; spectrum[channel]: (flush_frames(), bins). The next push starts a new one.
  void flush(T* const* spectrum);
  // Forgets the stream.
  void reset();

 private:
  // Frames that are complete when `samples` samples are known, and more may follow.
  std::size_t ready(std::size_t samples) const;
  // The first sample that a frame to come, or the padding within it, can need.
  std::size_t first_needed() const;
  // The samples of the next frame of a channel, in place or gathered.
  const T* frame_samples(const T* held);
  void transform_next(T* const* spectrum, std::size_t row);

  std::shared_ptr<const StftPlan<T>> plan_;
  std::size_t channels_, capacity_;
  std::size_t received_ = 0, next_ = 0;  // samples so far, frames so far
  std::size_t begin_ = 0;                // the samples [begin_, received_) are held
  AlignedBuffer<T> history_, gathered_, scratch_;
};

template <class T>
class StreamingIstft {
 public:
  // Throws std::invalid_argument without a plan or without channels.
  explicit StreamingIstft(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels = 1);

  const StftPlan<T>& plan() const { return *plan_; }
  std::size_t channels() const { return channels_; }
  // After k frames, k * hop - latency() samples have come out, or none.
  std::size_t latency() const;
  // Frames so far, and samples that they gave.
  std::size_t received() const { return next_; }
  std::size_t returned() const { return complete(next_) - plan_->lead(); }

  // Samples that a push of `frames` frames will give.
  std::size_t samples(std::size_t frames) const { return complete(next_ + frames) - complete(next_); }
  // spectrum[channel]: (frames, bins), complex numbers interleaved; signal[channel]: samples(frames) samples.
  void push(const T* const* spectrum, std::size_t frames, T* const* signal);

  // Samples that the end of the stream will give, so that it has the length that its frames determine.
  std::size_t flush_samples() const { return plan_->samples(next_) - returned(); }
  // Ends the stream at a length, by default that one; signal[channel]: the length less returned() samples, zeros where no
  // frame reaches. The next push starts a new stream. Throws std::invalid_argument for a length below returned().
  void flush(T* const* signal) { flush(plan_->samples(next_), signal); }
  void flush(std::size_t length, T* const* signal);
  // Forgets the stream.
  void reset();

 private:
  // Positions, counted from the first sample of frame 0, below which `frames` frames settle everything. What an end right
  // after them would cut off is left out.
  std::size_t complete(std::size_t frames) const;
  // The first position that `frames` frames do not reach.
  std::size_t reach(std::size_t frames) const { return frames == 0 ? 0 : (frames - 1) * plan_->hop() + plan_->n_fft(); }
  void make_room();
  // Writes the positions [first, last), of which the frames so far reach those below `reach`.
  void write(const OverlapGain<T>& gain, std::size_t first, std::size_t last, std::size_t reach, T* const* signal, std::size_t at);

  std::shared_ptr<const StftPlan<T>> plan_;
  std::size_t channels_, capacity_;
  std::size_t next_ = 0;  // frames so far
  std::size_t base_ = 0;  // position of the first sum
  AlignedBuffer<T> sums_, scratch_;
};

}  // namespace phasewise
