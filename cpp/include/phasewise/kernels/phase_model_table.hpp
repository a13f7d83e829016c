// Sources with magnitudes and phases of a model: what one frame of a mixture says of both.
#pragma once

#include <cstddef>

namespace phasewise {

// Some neighbouring bins of one frame, all sources: source j of every array lies j * stride values after source 0. Values that are
// not wanted have nullptr.
template <class T>
struct PhaseModelBlock {
  std::size_t sources, bins, stride;
  bool renew;                           // renew the phasors
  const T* mixture;                     // complex
  const T* next_mixture;                // complex, of the frame after, where `after` is given
  const T* levels;                      // powers, or magnitudes (Euclidean)
  T* phasors;                           // complex
  const T *before, *after;              // complex: phasors of the frames around; nullptr: there is none
  const T *turns, *next_turns;          // complex: how phases advance into this frame and into the next
  T coupling;                           // weight of the phases being those that the frames around make
  const T *mean, *variance, *relation;  // one per source: moments of the anisotropic Gaussian
  bool posterior;                       // learn from the second moments of the posterior
  T *numerator, *denominator;           // what the factors of the levels are multiplied by
  T* free;                              // the most likely powers
  T* estimate;                          // complex; sums to the mixture
};

template <class T>
struct PhaseModelKernels {
  // Anisotropic Gaussian sources.
  void (*gaussian)(const PhaseModelBlock<T>&);
  double (*gaussian_cost)(const PhaseModelBlock<T>&);
  // Least squares.
  void (*euclidean)(const PhaseModelBlock<T>&);
  double (*euclidean_cost)(const PhaseModelBlock<T>&);
};

}  // namespace phasewise
