// Iterative spectrogram inversion: one source from its magnitudes, or several from theirs and their mixture.
//
// One iteration is two sweeps over the frames: all estimates to signals (overlap-add), then frame by frame forward again
// with the bin-wise update fused. Spectra stay planar between entry and exit; nothing returns to the caller.
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
  const T* weights = nullptr;         // mixing weights, as magnitudes; nullptr: 1 / sources
  bool refresh_weights = false;       // needs weights to start from
  Update update = Update::misi;
  bool mix_first = false;             // misi in the order mix, consistency, magnitude
  T alpha = 0, beta = 0, gamma = 0, sigma = 0, momentum = 0;
  BregmanRule<T> rule;                // bregman and bregman_reflection
  int n_iter = 0;
  T* estimate = nullptr;              // (batch, sources, frames, bins) complex; in: start, out: result
  bool from_mixture = false;          // start from the magnitudes with the phase of the mixture; needs an iteration
  T* previous = nullptr;              // as estimate: momentum's last consistent point, in and out; nullptr: starts with zeros
  T* iterate = nullptr;               // as estimate: the point from which reflections go on, which is not their result
  T* signal = nullptr;                // (batch, sources, length): signals of the result, or nullptr
  double* cost = nullptr;             // (batch, n_iter): cost after each iteration, or nullptr
};

// Runs the iterations; `between` is called before each one and may throw to stop.
template <class T>
void invert(const Inversion<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
