// Iterative inversion of a stream: the newest frames are iterated while they wait for those that follow, older ones are settled.
//
// The window holds lookahead + 1 frames of all sources. Every frame that comes is started and joins it; then all of the window
// is iterated, as Inversion iterates a whole signal, except that the settled frames' samples stay as they are, and the oldest
// frame is settled. Samples are normalised by the windows of the frames that have come: the iterations project on the
// spectrograms of signals that end with the newest frame. At the end of the stream the frames that are left are iterated
// together, n_iter times for each of them: a stream of no more than `lookahead` frames is inverted as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/frame_method.hpp"
#include "phasewise/stft.hpp"

namespace phasewise {

// The first estimate of a frame.
enum class OnlineStart {
  mixture,     // its magnitudes with the phase of the mixture
  wiener,      // the Wiener estimate
  sinusoidal,  // its magnitudes with the phases of the frame before, advanced by the sinusoidal model
  overlap      // its magnitudes with the phases that the samples of the frames before have in it
};

template <class T>
struct OnlineInversionOptions {
  std::size_t sources = 1, lookahead = 0, n_iter = 1;
  bool mixed = true;            // whether the frames of a mixture come with the magnitudes
  Update update = Update::misi; // without a mixture griffin_lim or reflection; bregman updates are not for streams
  bool magnitude_last = false;  // misi: the magnitudes after the mixing
  T alpha = 0, beta = 0, gamma = 0, sigma = 0, momentum = 0;  // as in Inversion
  T exponent = 0;               // mixing weights are proportional to V^exponent,
  std::vector<T> shares;        // or these, one per source, their sum is 1
  OnlineStart start = OnlineStart::mixture;
};

template <class T>
class OnlineInversion final : public FrameMethod<T> {
 public:
  // Throws std::invalid_argument for options that do not go together.
  OnlineInversion(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels, const OnlineInversionOptions<T>& options);

  std::size_t sources() const override { return options_.sources; }
  std::size_t lookahead() const override { return options_.lookahead; }
  bool takes_mixture() const override { return options_.mixed; }
  void take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) override;
  void conclude(std::size_t length) override { end_ = plan_->lead() + length; }
  void finish(std::size_t channel, T* estimate) override;
  void advance() override {}
  void reset() override;

 private:
  // Frames of a channel so far, and how many of them are settled and have been handed out.
  struct Progress {
    std::size_t received = 0, settled = 0, returned = 0;
  };

  // Where frame t of a channel, or its source j, is kept.
  std::size_t slot(std::size_t channel, std::size_t t) const { return channel * window_ + t % window_; }
  T* state(std::size_t channel, std::size_t t) { return state_.data() + slot(channel, t) * sources() * row_; }
  T* sums(std::size_t channel, std::size_t j) { return sums_.data() + (channel * sources() + j) * span_; }
  T* past(std::size_t channel, std::size_t j) { return past_.data() + (channel * sources() + j) * overlap_; }
  InversionStep<T> step_at(std::size_t channel, std::size_t t);

  void keep(std::size_t channel, const SourceFrame<T>& frame);
  void start(std::size_t channel);
  void start_from_model(std::size_t channel, const InversionStep<T>& s);
  void start_from_overlap(std::size_t channel, const InversionStep<T>& s);
  // Gives the magnitudes the phases of points_.
  void take_phases(InversionStep<T> s);
  // Transforms n_fft samples into a planar row.
  void forward(const T* samples, T* row);
  // Adds the samples of points_.
  void add_samples(std::size_t channel, std::size_t t);
  // Writes the samples from position first on, zeros beyond the ends of the signal.
  void normalise(const OverlapGain<T>& gain, const T* sums, std::size_t first, std::size_t count, T* samples) const;
  // Iterates all frames that are not settled, and settles the first `count`.
  void iterate(std::size_t channel, std::size_t n_iter, std::size_t count);
  void update(std::size_t channel, std::size_t t, bool last, bool settles);
  void settle(std::size_t channel, std::size_t count);
  void hand_out(std::size_t channel, T* estimate);

  std::shared_ptr<const StftPlan<T>> plan_;
  OnlineInversionOptions<T> options_;
  const InversionKernels<T>& kernels_;
  const PhaseKernels<T>& phase_kernels_;
  std::size_t window_, bins_, padded_, row_, overlap_, span_;
  std::size_t end_;  // position of the first sample behind the end of the signal
  std::vector<Progress> progress_;
  AlignedBuffer<T> state_;                // (channels, window, sources, padded) complex
  AlignedBuffer<T> previous_;             // the last consistent points, planar, for momentum
  AlignedBuffer<T> magnitudes_;           // (channels, window, sources, padded)
  AlignedBuffer<T> mixture_;              // (channels, window, padded) complex
  AlignedBuffer<T> weights_;              // (sources, padded)
  AlignedBuffer<T> sums_;                 // (channels, sources, span): overlap-added frames from the first unsettled one on
  AlignedBuffer<T> past_;                 // (channels, sources, overlap): the settled ones' part of it
  AlignedBuffer<T> samples_;              // (sources, span): normalised
  AlignedBuffer<T> points_;               // (sources) planar rows: the frame in work
  AlignedBuffer<T> scratch_, turns_;
  std::vector<std::uint32_t> summits_, ends_;
  std::vector<double> advances_, cycles_;
};

}  // namespace phasewise
