// Phase gradient heap integration of a stream: every frame from the frame before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "phasewise/dispatch.hpp"
#include "phasewise/frame_method.hpp"

namespace phasewise {

class LevelQueue;

struct RealTimeIntegrationOptions {
  // The window: it is centred on this sample of its frame, and as wide as exp(-pi l^2 / width).
  double centre = 0, width = 0;
  bool lookahead = false;  // levels change over time by the next frame too: a frame later
  double tolerance = 0;    // values up to this share of the largest of three frames get pseudo-random phases
};

template <class T>
class RealTimeIntegration final : public FrameMethod<T> {
 public:
  // seeds: one per channel, of the pseudo-random phases
  RealTimeIntegration(const StftPlan<T>& plan, const std::vector<std::uint64_t>& seeds, const RealTimeIntegrationOptions& options);
  ~RealTimeIntegration() override;

  std::size_t sources() const override { return 1; }
  std::size_t lookahead() const override { return options_.lookahead ? 1 : 0; }
  bool takes_mixture() const override { return false; }
  void take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) override;
  void finish(std::size_t channel, T* estimate) override;
  void advance() override { ++count_; }
  void reset() override;

 private:
  // The magnitudes of frame t of a channel; three are held.
  T* magnitudes(std::size_t channel, std::size_t t) { return magnitudes_.data() + (3 * channel + t % 3) * bins_; }
  double& largest(std::size_t channel, std::size_t t) { return largest_[3 * channel + t % 3]; }
  // Integrates frame t; frames up to `last` are known.
  void integrate(std::size_t channel, std::size_t t, std::size_t last, T* estimate);
  void find_gradient(std::size_t channel, std::size_t t, std::size_t last, double level);
  void spread(const T* v, double level);

  const PhaseKernels<T>& kernels_;
  RealTimeIntegrationOptions options_;
  std::vector<std::uint64_t> seeds_;
  std::size_t bins_, n_fft_, hop_;
  double along_bins_, along_frames_;
  std::size_t count_ = 0;            // frames so far
  AlignedBuffer<T> magnitudes_;      // (channels, 3, bins)
  std::vector<double> largest_;      // (channels, 3)
  std::vector<double> before_;       // (channels, 2, bins): cycles of the last frame, and their advance per frame there
  std::vector<double> cycles_, per_frame_, per_bin_;  // of the frame in hand
  std::vector<std::uint32_t> rest_;
  AlignedBuffer<T> phasors_;
  std::unique_ptr<LevelQueue> queue_;  // bins of the last frame, then of the frame in hand
};

}  // namespace phasewise
