// Sources whose levels are given, free or products of two factors, and whose phases follow those of the frames before and after:
// the Bayesian anisotropic Gaussian model, complex Itakura-Saito NMF and complex NMF.
#pragma once

#include <functional>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
struct PhaseModel {
  std::size_t batch = 0, sources = 0, frames = 0, bins = 0, rank = 0;
  bool euclidean = false;                  // least squares; otherwise anisotropic Gaussians
  const T* mixture = nullptr;              // (batch, frames, bins) complex
  T* levels = nullptr;                     // (batch, sources, frames, bins): powers, Euclidean: magnitudes; in and out
  T* phasors = nullptr;                    // as levels, complex, of modulus 1: in and out
  const T* turns = nullptr;                // as phasors: how phases advance into each frame; 0 where they start anew
  double coupling = 0;                     // weight of that; Euclidean: relative to the power of the mixture
  const double* concentrations = nullptr;  // (sources); Euclidean: nullptr
  bool posterior = false;                  // learn from the second moments of the posterior, as expectation-maximisation does
  bool free_levels = false;                // renew the levels without factors; needs `posterior`
  T* w = nullptr;                          // (batch, sources, bins, rank): levels = H W^T; or nullptr
  T* h = nullptr;                          // (batch, sources, frames, rank)
  bool update_w = false;
  int n_iter = 0;
  T* estimate = nullptr;                   // as phasors: the result, which sums to the mixture
  double* cost = nullptr;                  // (batch, n_iter): negative log-posterior or squares after each iteration; or nullptr
};

// `between` is called before each iteration and may throw to stop.
template <class T>
void phase_model(const PhaseModel<T>& problem, const std::function<void()>& between);

}  // namespace phasewise
