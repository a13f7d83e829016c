// The Wiener filter for several channels: every source has a spatial covariance in every frequency, learned from the mixture.
#pragma once

#include <functional>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
struct MultichannelWiener {
  std::size_t batch = 0, channels = 0, sources = 0, frames = 0, bins = 0;
  const T* mixture = nullptr;  // (batch, channels, frames, bins) complex
  T* estimate = nullptr;       // (batch, channels, sources, frames, bins) complex; in: where to start from, out: sums to the mixture
  double noise = 0;            // power in every channel, relative to the mean power of the mixture in the same frequency
  bool posterior = false;      // covariances of the posterior (expectation-maximisation) instead of those of the estimates
  int n_iter = 0;
  double* cost = nullptr;      // (batch, n_iter): the negative log-likelihood, less a constant, of each iteration's model; or nullptr
};

// `between` is called before each iteration and may throw to stop.
template <class T>
void multichannel_wiener(const MultichannelWiener<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
