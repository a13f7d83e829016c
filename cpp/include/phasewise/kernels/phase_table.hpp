// Bin-wise phase recovery: no transform, every bin of a frame is a problem of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace phasewise {

// Shares of the mixing error, or of the mixture, before they are divided by their sum over the sources.
enum class Weighting {
  equal,      // 1
  magnitude,  // V
  wiener,     // V^2
  given       // an array; its sums over the sources are 1 already
};

// Where a source's phases start from in a frame.
enum class PhaseStart : unsigned char {
  state,   // the phasors in re, im
  turned,  // these times the phasors in turn_re, turn_im
  mixture  // the phases of the mixture
};

// Some neighbouring bins of one frame, all sources. Source j lies j * stride (magnitudes, weights), 2 j * stride (out) or
// j * state_stride (phasors) after source 0.
template <class T>
struct MixingBlock {
  std::size_t sources, bins;
  const T* mixture;     // complex
  const T* magnitudes;
  Weighting weighting;
  const T* weights;     // Weighting::given only
  std::size_t stride;
  bool refresh;         // after each iteration, make the weights proportional to the distance it has moved the sources
  std::size_t n_iter;
  T *re, *im;           // phasors: start and result
  std::size_t state_stride;
  const T *turn_re, *turn_im;
  std::size_t turn_stride;
  const PhaseStart* starts;  // one per source
  T anchor;                  // weight of the distance to the start, see Mixing::anchor
  T* out;                    // complex: the sources
  const double* bin_weights;
  double* cost;      // n_iter weighted mixing errors are added here; nullptr: not wanted
  T* scratch;        // 7 * sources * mixing_tile scalars
  double* lane_cost; // n_iter * mixing_tile scalars, if cost is wanted
};

// S_j = share_j X for `bins` neighbouring bins; laid out as above.
template <class T>
struct WienerBlock {
  std::size_t sources, bins;
  const T* mixture;
  const T* magnitudes;
  Weighting weighting;
  const T* weights;
  std::size_t stride;
  T* out;
};

template <class T>
struct PhaseKernels {
  std::size_t mixing_tile;  // bins processed together
  // Iterates Y = S + L (X - sum S), S = V Y/|Y|.
  void (*mixing)(const MixingBlock<T>&);
  void (*wiener)(const WienerBlock<T>&);
  // z/|z| of n complex values, 1 where z is 0
  void (*phasors)(const T* values, T* re, T* im, std::size_t n);
  // exp(2 pi i c) of n numbers
  void (*turns)(const double* cycles, T* re, T* im, std::size_t n);
  // Lists the bins k with v[k-1] < v[k] >= v[k+1] and v[k] >= height * max(v); at most n / 2. Returns their number.
  std::size_t (*summits)(const T* v, std::size_t n, T height, std::uint32_t* bins);
  // For each of n summits, hops times its frequency in bins, less whole numbers: the summit of the parabola through three
  // log magnitudes, or the bin itself where rounding leaves no parabola.
  void (*peak_advances)(const T* v, const std::uint32_t* bins, std::size_t n, double hops, double* cycles);
};

}  // namespace phasewise
