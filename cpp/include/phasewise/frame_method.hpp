// Methods that make the spectra of sources frame by frame, and the stage that makes samples of them.
//
// Nothing is allocated after construction and no other thread is used, so that an audio callback may call everything. An
// object must not be used by two threads at once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/streaming.hpp"

namespace phasewise {

// One frame of one channel.
template <class T>
struct SourceFrame {
  const T* mixture = nullptr;     // (bins) complex; nullptr where a method needs none
  const T* magnitudes = nullptr;  // source j at j * stride, (bins)
  std::size_t stride = 0;
  const unsigned char* onsets = nullptr;  // sources that start anew at j * onset_stride; nullptr: none
  std::size_t onset_stride = 0;
};

template <class T>
class FrameMethod {
 public:
  virtual ~FrameMethod() = default;
  virtual std::size_t sources() const = 0;
  // Frames that must follow a frame before it is settled.
  virtual std::size_t lookahead() const = 0;
  virtual bool takes_mixture() const = 0;

  // Takes the next frame of a channel. Once lookahead() frames have come before, estimate (sources, bins), complex, gets
  // the sources of the frame that many back.
  virtual void take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) = 0;
  // The stream is over, and its signals have `length` samples; called before finish().
  virtual void conclude(std::size_t length) { static_cast<void>(length); }
  // The same as take() without a next frame, once for every frame that is not settled.
  virtual void finish(std::size_t channel, T* estimate) = 0;
  // All channels have had their frame.
  virtual void advance() = 0;
  // Forgets the stream.
  virtual void reset() = 0;
};

// A block of frames as arrays: mixture (channels, frames, bins) complex, magnitudes (channels, sources, frames, bins),
// onsets (channels, sources, frames); nullptr for what is not there.
template <class T>
struct FrameBlock {
  const T* mixture = nullptr;
  const T* magnitudes = nullptr;
  const unsigned char* onsets = nullptr;
  std::size_t frames = 0;
};

template <class T>
class FrameStage {
 public:
  // Throws std::invalid_argument without a plan, a method or channels. The method must have been made for as many channels.
  FrameStage(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels, std::unique_ptr<FrameMethod<T>> method);

  std::size_t channels() const { return channels_; }
  std::size_t sources() const { return method_->sources(); }
  std::size_t lookahead() const { return method_->lookahead(); }
  bool takes_mixture() const { return method_->takes_mixture(); }
  const StftPlan<T>& plan() const { return *plan_; }
  // Samples by which the result lags behind the frames.
  std::size_t latency() const { return synthesis_.latency() + lookahead() * plan_->hop(); }
  // Frames so far.
  std::size_t received() const { return received_; }

  // Samples: signal[channel * sources + source] gets frames * hop of them, the first latency() of a stream zeros.
  void push(const FrameBlock<T>& block, T* const* signal);
  // Ends a stream of `length` samples: the latency() + length - received() * hop that are left of it, which must not be
  // negative. The next push starts a new stream.
  void flush(std::size_t length, T* const* signal);

  // The spectra themselves, for streams of which no samples are wanted: estimate[channel * sources + source], complex, gets
  // settled(frames) frames, and at the end the unsettled() ones that are left.
  std::size_t settled(std::size_t frames) const;
  void push_spectra(const FrameBlock<T>& block, T* const* estimate);
  std::size_t unsettled() const { return received_ < lookahead() ? received_ : lookahead(); }
  void flush_spectra(T* const* estimate);

  // Forgets the stream.
  void reset();

 private:
  void take(const FrameBlock<T>& block, std::size_t frame);
  void finish();
  void save(T* const* estimate, std::size_t frame) const;

  std::shared_ptr<const StftPlan<T>> plan_;
  std::size_t channels_;
  std::unique_ptr<FrameMethod<T>> method_;
  StreamingIstft<T> synthesis_;
  std::size_t received_ = 0;
  AlignedBuffer<T> spectra_;  // (channels, sources, bins) complex: the frame that was settled last
  AlignedBuffer<T> spare_;    // (channels, sources, hop): samples beyond the end of a stream
  std::vector<const T*> rows_;
  std::vector<T*> signals_;
};

}  // namespace phasewise
