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

// One frame of all sources. Rows are planar: real parts, imaginary parts `padded` further, zeros from `bins` on; source j lies
// j * stride after source 0.
template <class T>
struct ConsistentStep {
  bool even;      // the last bin is the Nyquist frequency
  bool evaluate;  // majorise: only find the cost
  std::size_t sources, bins, padded;
  const T* magnitudes;               // source j at j * row_stride
  std::size_t row_stride;
  const T *radial, *tangential;      // one per source: the phasor's variances along the expected phase and across it
  T *estimate, *residual, *direction, *image;  // majorise: the residual holds the start instead
  const T* squares;                  // squared phasors of the expected phases; nullptr: circular
  std::size_t stride;
  const T* projected;                // transforms of the signals of estimate or direction, source j at 2 j padded
  T weight, pull;                    // of the inconsistency; what the bin-wise solution takes of it
  T step;
};

// Sums over the bins, those between 0 Hz and Nyquist counted twice.
struct ConsistentSums {
  double first, second, third;
};

template <class T>
struct FilterKernels {
  std::size_t bins_at_once;
  // The posterior given that the sources sum to the mixture.
  void (*anisotropic)(const AnisotropicBlock<T>&);

  // Preconditioned conjugate gradients within the sources that sum to the mixture: image = A direction.
  // Residual and direction at the start; <residual, direction>, cost.
  ConsistentSums (*start)(const ConsistentStep<T>&);
  // image = A direction; <direction, image>.
  double (*curvature)(const ConsistentStep<T>&);
  // estimate += step direction, residual -= step image, image = preconditioned residual; <residual, image>, energies of the change and
  // of the estimate.
  ConsistentSums (*advance)(const ConsistentStep<T>&);
  // direction = image + step direction
  void (*redirect)(const ConsistentStep<T>&);

  // Minimises the criterion with the projection held; cost before, energies of the change and of the estimate.
  ConsistentSums (*majorise)(const ConsistentStep<T>&);
};

}  // namespace phasewise
