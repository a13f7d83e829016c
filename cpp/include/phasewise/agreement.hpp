// How far magnitudes of sources agree with their mixture: before an inversion, what in them cannot be; after it, how much
// of its result to believe.
#pragma once

#include <cstddef>

namespace phasewise {

template <class T>
struct Agreement {
  std::size_t batch = 0, sources = 0, frames = 0, bins = 0;
  const T* mixture = nullptr;     // X: (batch, frames, bins) complex
  const T* magnitudes = nullptr;  // V: (batch, sources, frames, bins)
};

// The smallest change that lets the phasors of every bin close a polygon with the mixture: sum V >= |X|, and no V larger
// than |X| and the other V together. The change is shared in proportion to V^2.
template <class T>
void feasible_magnitudes(const Agreement<T>& given, T* feasible);

// S <- S + c (P - S), with the Wiener estimate W as the prior P, or the one that is given: (batch, sources, frames, bins)
// complex, made to sum to X. In every bin c = 2 m / (2 m + e), with the mismatch m = sum (|S| - V)^2 and the error that the
// Gaussian model expects of W, e = sum V^2 (1 - V^2 / sum V^2); for a prior that is given, the squares sum to what it lacks
// of the mixture. Where, over the whole item, S keeps nearer to W than that error
// says, or the energy of the magnitudes is not the mixture's, they are not to be trusted, and c goes to 1. trust: (batch)
// how far each item was believed, 0 to 1.
template <class T>
void blend_with_prior(const Agreement<T>& given, const T* prior, T* estimate, double* trust);

}  // namespace phasewise
