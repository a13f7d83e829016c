// Sources of a stream, frame by frame, each from the phases of the finished frame before it: PU-Iter, and the anisotropic
// Wiener filter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "phasewise/dispatch.hpp"
#include "phasewise/frame_method.hpp"
#include "phasewise/prior_moments.hpp"

namespace phasewise {

// Where sources start from in a frame: frame 0 and onsets from the phases of the mixture, all others from those of the frame
// before, advanced by the sinusoidal model. The streaming form of what Mixing describes.
template <class T>
class OnlineStarts {
 public:
  OnlineStarts(const StftPlan<T>& plan, std::size_t channels, std::size_t sources);

  std::size_t sources() const { return sources_; }
  const PhaseKernels<T>& kernels() const { return kernels_; }
  // Fills the phasors, turns and starts of a block (MixingBlock or AnisotropicBlock) for a frame, and points it at its arrays.
  template <class Block>
  void prepare(Block& block, std::size_t channel, const SourceFrame<T>& frame, T* estimate);
  void advance() { begun_ = true; }
  void reset();

 private:
  void find_turns(std::size_t source, const T* v);

  const PhaseKernels<T>& kernels_;
  std::size_t channels_, sources_, bins_, turn_stride_;
  double hops_;  // frame lengths between frames
  bool begun_ = false;
  std::vector<PhaseStart> starts_;
  AlignedBuffer<T> magnitudes_;  // (sources, bins)
  AlignedBuffer<T> phasors_;     // real parts, imaginary parts: (channels, sources, bins) each
  AlignedBuffer<T> turns_;       // real parts, imaginary parts: (sources, turn_stride) each
  std::vector<std::uint32_t> summits_, ends_;
  std::vector<double> advances_, cycles_;
  AlignedBuffer<T> region_turns_;
};

template <class T>
struct OnlineMixingOptions {
  std::size_t sources = 0, n_iter = 0;
  Weighting weighting = Weighting::wiener;
  std::vector<T> shares;  // Weighting::given: one per source, their sum is 1
  bool refresh = false;
  T anchor = 0;           // these two as in Mixing
};

template <class T>
class OnlineMixing final : public FrameMethod<T> {
 public:
  OnlineMixing(const StftPlan<T>& plan, std::size_t channels, const OnlineMixingOptions<T>& options);

  std::size_t sources() const override { return options_.sources; }
  std::size_t lookahead() const override { return 0; }
  bool takes_mixture() const override { return true; }
  void take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) override;
  void finish(std::size_t, T*) override {}
  void advance() override { starts_.advance(); }
  void reset() override { starts_.reset(); }

 private:
  OnlineMixingOptions<T> options_;
  OnlineStarts<T> starts_;
  std::size_t bins_;
  AlignedBuffer<T> weights_, scratch_;
};

template <class T>
class OnlineAnisotropic final : public FrameMethod<T> {
 public:
  // concentrations: kappa of the phases, one per source
  OnlineAnisotropic(const StftPlan<T>& plan, std::size_t channels, const std::vector<double>& concentrations);

  std::size_t sources() const override { return starts_.sources(); }
  std::size_t lookahead() const override { return 0; }
  bool takes_mixture() const override { return true; }
  void take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) override;
  void finish(std::size_t, T*) override {}
  void advance() override { starts_.advance(); }
  void reset() override { starts_.reset(); }

 private:
  const FilterKernels<T>& kernels_;
  OnlineStarts<T> starts_;
  PriorMoments<T> moments_;
  AlignedBuffer<T> scratch_;
};

}  // namespace phasewise
