// Consistent Wiener filters: the most probable sources that sum to the mixture and are nearly transforms of signals.
//
// They minimise sum_j [Q_j(S_j - W_j) + weight |S_j - G S_j|^2] where sum_j S_j = sum_j W_j: W are the posterior means of a Wiener
// filter, Q_j the quadratic forms of its Gaussians, G the projection on consistent spectrograms. One iteration costs two
// transforms of every frame of every source.
#pragma once

#include <functional>

#include "phasewise/stft.hpp"

namespace phasewise {

template <class T>
struct ConsistentWiener {
  const StftPlan<T>* plan = nullptr;       // with Padding::zeros or Padding::none: G must be orthogonal
  std::size_t batch = 0, sources = 0, frames = 0;
  std::size_t length = 0;                  // samples of the signals; plan->frames(length) == frames
  const T* magnitudes = nullptr;           // (batch, sources, frames, bins)
  const double* concentrations = nullptr;  // (sources), as for AnisotropicWiener
  const T* prior = nullptr;                // (batch, sources, frames, bins) complex: phasors, as AnisotropicWiener gives them;
                                           // nullptr where all concentrations are 0
  T weight = 0;                            // of the inconsistency of each source
  bool majorise = false;                   // majorisation-minimisation instead of preconditioned conjugate gradients
  int n_iter = 0;
  double tolerance = 0;                    // stops once an iteration changes less than this share of the estimate's energy
  T* estimate = nullptr;                   // (batch, sources, frames, bins) complex; in: W, out: result
  double* cost = nullptr;                  // (batch, n_iter): cost after each iteration, or nullptr; after the stop the last one
};

// `between` is called before each iteration and may throw to stop.
template <class T>
void consistent_wiener(const ConsistentWiener<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
