// Iterative spectrogram inversion: one source from its magnitudes, or several from theirs and their mixture.
//
// One iteration is two sweeps over the frames: all estimates to signals (overlap-add), then frame by frame forward again
// with the bin-wise update fused. Momentum is a matter of signals, as transforms are linear.
//
// Memory beyond that of the problem: one set of signals (two with momentum; two for each where padding repeats samples), less
// `signal` and `previous` where they are given. None for misi and bregman without these, without costs and with frames that
// overlap by half or more: their signals live in `estimate`.
#pragma once

#include <cstddef>
#include <functional>

#include "phasewise/stft.hpp"

namespace phasewise {

template <class T>
struct Inversion {
  const StftPlan<T>* plan = nullptr;  // with Padding::zeros or Padding::none where a monotone cost is wanted
  std::size_t batch = 0, sources = 0, frames = 0;
  std::size_t length = 0;             // samples of the signals; plan->frames(length) == frames
  const T* mixture = nullptr;         // (batch, frames, bins) complex, or nullptr
  const T* magnitudes = nullptr;      // (batch, sources, frames, bins)
  Sharing sharing = Sharing::equal;   // of the mixing error
  T exponent = 1;                     // Sharing::power
  const T* weights = nullptr;         // Sharing::given: as magnitudes
  bool refresh_weights = false;       // starts from given ones
  Update update = Update::misi;
  bool mix_first = false;             // misi in the order mix, consistency, magnitude
  T alpha = 0, beta = 0, gamma = 0, sigma = 0;
  T momentum = 0;                     // griffin_lim: subtracts that much of the last consistent point; bregman: extrapolates by it
  BregmanRule<T> rule;                // bregman and bregman_reflection
  int n_iter = 0;
  T* estimate = nullptr;              // (batch, sources, frames, bins) complex; in: start, out: result
  bool from_mixture = false;          // start from the magnitudes with the phase of the mixture; needs an iteration
  bool signals_only = false;          // the result is not written to `estimate`, where reflections leave their iterate then
  T* previous = nullptr;              // (batch, sources, length): the signals that momentum remembers, in and out
  bool resume = false;                // whether `previous` holds some to begin with
  T* iterate = nullptr;               // as estimate: the point from which reflections go on, which is not their result
  T* signal = nullptr;                // (batch, sources, length): signals of the result, or nullptr
  double* cost = nullptr;             // (batch, n_iter): cost after each iteration, or nullptr
};

// Runs the iterations; `between` is called before each one and may throw to stop.
template <class T>
void invert(const Inversion<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
