// Nonnegative matrix factorisation V = W H under the beta-divergence, by multiplicative updates.
//
// One iteration updates H, then W, in one sweep over V. The updates are those of Fevotte & Idier (2011), with the exponent
// that makes the penalised cost non-increasing for every beta; python/phasewise/reference/nmf.py derives the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace phasewise {

struct NmfOptions {
  double beta = 1;
  std::size_t iterations = 200;
  double tol = 0;  // > 0: stop when ten iterations lower sqrt(2 divergence) by less than tol of its first value
  bool update_w = true, update_h = true;
  double l1_w = 0, l1_h = 0;  // weights of sum(W), sum(H)
  double l2_w = 0, l2_h = 0;  // weights of sum(W^2) / 2, sum(H^2) / 2
  double smooth_h = 0;        // weight of the squared changes of H from frame to frame
  double group_h = 0;         // weight of sum(log(1 + g / group_scale)), g being the sum of a group of activations in a frame
  double group_scale = 1;
  bool normalize_w = false;   // l1_h weighs activations as if the columns of W summed to one
  bool accelerate = false;    // extrapolate the factors between iterations, as long as that lowers the cost
  bool guard_l2 = true;       // false: scikit-learn's step, which is longer for beta < 2 but may raise the cost where l2 > 0
};

// A batch of matrices of one shape, each with its own factors; values are finite and nonnegative.
template <class T>
struct NmfBatch {
  std::size_t batch, frames, freq, rank;
  const T* v;        // (batch, frames, freq)
  T* w;              // (batch, freq, rank): start, then result
  T* h;              // (batch, frames, rank): start, then result
  double* costs;     // (batch, iterations) penalised cost after each iteration (accelerated: of the factors that the next
                     // one reads), or nullptr
  std::size_t* done;  // (batch) iterations made
  // Weights of the entries, freq values for every frame, or nullptr. Frames and matrices are these distances apart, 0 where
  // they share them. V is not looked at where they are 0.
  const T* weights = nullptr;
  std::size_t weights_frame = 0, weights_matrix = 0;
  const bool* fixed = nullptr;           // (rank) columns of W that stay as they are, or nullptr
  const std::uint32_t* groups = nullptr;  // (rank) group of each component, below group_count; needed if group_h > 0
  std::size_t group_count = 0;
};

// Factorises. `progress` (optional) is called with the fraction done and stops everything by returning false; the result
// is then false and the factors are unfinished. Results do not depend on the number of threads.
template <class T>
bool nmf(const NmfBatch<T>& problem, const NmfOptions& options, const std::function<bool(double)>& progress);

// Divergence of every V from its W H, without penalties; `costs` receives (batch) values.
template <class T>
void nmf_divergence(const NmfBatch<T>& problem, double beta);

}  // namespace phasewise
