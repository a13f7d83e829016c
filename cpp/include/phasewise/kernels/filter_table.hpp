// Filters for anisotropic Gaussian sources.
#pragma once

#include "phasewise/kernels/phase_table.hpp"

namespace phasewise {

// Some neighbouring bins of one frame, all sources, laid out as in MixingBlock. Source j is Gaussian around
// mean[j] V u, u its phasor, with E|S - m|^2 = variance[j] V^2 and E(S - m)^2 = relation[j] V^2 u^2.
template <class T>
struct AnisotropicBlock {
  std::size_t sources, bins;
  const T* mixture;     // complex
  const T* magnitudes;
  std::size_t stride;
  const T *mean, *variance, *relation;  // one per source
  bool circular;        // all means and relations are 0
  T *re, *im;           // phasors: start, and result: the phases of the posterior means
  std::size_t state_stride;
  const T *turn_re, *turn_im;
  std::size_t turn_stride;
  const PhaseStart* starts;    // one per source
  T* out;                      // complex: the posterior means
  T* prior;                    // complex, as out: the phasors started from; nullptr: not wanted
  T *posterior_variance;       // as magnitudes; nullptr: not wanted
  T *posterior_relation;       // complex, as out; wanted with the variance
  T* scratch;                  // 5 * sources * bins_at_once scalars
};

template <class T>
struct FilterKernels {
  std::size_t bins_at_once;
  // The posterior given that the sources sum to the mixture.
  void (*anisotropic)(const AnisotropicBlock<T>&);
};

}  // namespace phasewise
