// Sources with spatial covariances in a mixture of several channels.
#pragma once

#include <cstddef>

namespace phasewise {

// Some neighbouring bins of one frame. Source j is a circular Gaussian vector over the channels, of covariance powers[j] R_j;
// there is noise of equal power in all channels too. A Hermitian matrix is channels^2 rows of real scalars, `row` apart: the
// diagonal, then real and imaginary part of the entries below it, (1, 0), (2, 0), (2, 1), ... Rows may be read and written up
// to the next multiple of 16 bins.
template <class T>
struct MultichannelBlock {
  std::size_t channels, sources, bins;
  const T* mixture;                // complex, channel c at c * mixture_channel
  std::size_t mixture_channel;
  T* estimate;                     // complex, source j in channel c at c * estimate_channel + j * estimate_source
  std::size_t estimate_channel, estimate_source;
  T scale;                         // a power of two that mixture and estimates are read with
  T log_scale;                     // twice its logarithm
  std::size_t row;                 // between the rows of all that follow
  T* powers;                       // one row per source: start writes them, step reads and renews them
  const T* covariances;            // channels^2 rows per source
  const T* noise;                  // its power
  T* sums;                         // as the covariances: what they are to be next, summed up over the frames
  T* weights;                      // one row per source: what to divide the sums by
  T* energy;                       // start adds the power of the mixture
  bool posterior, write, likelihood;
};

inline constexpr std::size_t most_channels = 8;

template <class T>
struct MultichannelKernels {
  // Powers and sums of the estimates.
  void (*start)(const MultichannelBlock<T>&);
  // The Wiener filter; powers and sums of its result (posterior: of the posterior), which is written if wanted. Returns the negative
  // log-likelihood of the mixture under the model read, less a constant, or 0.
  double (*step)(const MultichannelBlock<T>&);
};

}  // namespace phasewise
