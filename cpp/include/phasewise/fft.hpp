// Plan of a windowed real transform of one frame: factors, twiddles, window. Immutable, shared by threads.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"

namespace phasewise {

// A complex transform of any length: mixed radices up to 7-smooth lengths, Bluestein's algorithm for the rest.
template <class T>
class FftPlan {
 public:
  FftPlan(std::size_t n, int lanes);
  FftPlan(const FftPlan&) = delete;
  FftPlan& operator=(const FftPlan&) = delete;

  const FftView<T>& view() const { return view_; }
  std::size_t scratch() const;  // scalars of work memory of one transform

 private:
  void plan_passes(const std::vector<int>& radices);
  void plan_bluestein(int lanes);

  FftView<T> view_{};
  std::vector<FftPass<T>> passes_;
  AlignedBuffer<T> twiddles_, chirp_, chirp_spectrum_;
  std::unique_ptr<FftPlan> convolution_;
};

template <class T>
class FramePlan {
 public:
  // window: n values. Throws std::invalid_argument for n < 1.
  FramePlan(const double* window, std::size_t n, Isa isa = active_isa());

  const FrameView<T>& view() const { return view_; }
  Isa isa() const { return isa_; }
  const TransformKernels<T>& kernels() const { return kernels_; }
  std::size_t n() const { return view_.n; }
  std::size_t bins() const { return view_.bins; }
  std::size_t scratch() const { return view_.scratch; }

 private:
  Isa isa_;
  const TransformKernels<T>& kernels_;
  FftPlan<T> fft_;
  AlignedBuffer<T> untangle_, analysis_, synthesis_;
  FrameView<T> view_{};
};

}  // namespace phasewise
