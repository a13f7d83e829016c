// The factorisation kernels of one instruction-set level. They work on tiles of neighbouring frames, so that the model
// W H and the ratios that the updates need live in cache and are never stored whole.
//
// Layouts. Rank is padded to `rank_stride`, frequency to `freq_stride`, both with zeros.
//   activations (H)        frame-major: [frame][rank_stride]
//   dictionary (W), twice  panels:      [panel][rank][panel width], lanes over frequency; the last panel may be narrower
//                          rows:        [freq_stride][rank_stride], lanes over rank
//   numerators of W        like the panels
#pragma once

#include <cstddef>
#include <cstdint>

namespace phasewise {

// The case of the divergence: it decides which products an update needs.
enum class NmfKind { euclidean, kullback_leibler, general };

template <class T>
struct NmfShape {
  std::size_t freq, rank;
  std::size_t freq_stride, rank_stride;
  std::size_t rank_lanes;  // vector length of the products whose lanes run over rank
};

// What the update of a factor knows besides its numerators and denominators.
template <class T>
struct NmfPenalty {
  T l1, l2;        // weights of the sum and of half the sum of squares
  const T* each;   // further weights of the sums, rank_stride values, or nullptr
  double gamma;    // exponent of the update
  bool root;       // beta 1 with a quadratic penalty: the update is the root of a quadratic equation
};

template <class T>
struct NmfRule {
  NmfKind kind;
  double beta;
  T scale;             // V is multiplied by it when it is read: its peak becomes 1..2
  T data_floor;        // least value of V, after scaling
  T model_floor, model_limit;  // range of W H, so that its powers stay finite
  T factor_limit;              // greatest value of a factor
  T most;                      // numerators and denominators are kept within [1 / most, most]
  NmfPenalty<T> w, h;
  T smooth_h;          // weight of (h_t - h_{t-1})^2
  T group_h, group_scale;        // weight of sum(log(1 + g / group_scale)) over groups and frames, g the sum of a group
  const std::uint32_t* groups;   // group of each component
  std::size_t group_count;
  const bool* fixed;   // columns of W that stay, or nullptr
};

// What an iteration reads: the dictionary, in both layouts, and what follows from it.
template <class T>
struct NmfDictionary {
  const T* panels;
  const T* rows;
  const T* sums;  // kullback_leibler: sum of each column of W, rank_stride values
  const T* gram;  // euclidean: W^T W, [rank][rank_stride]
};

template <class T>
struct NmfTile {
  std::size_t frames;  // at most tile_frames
  const T* v;          // its first frame; frames are shape.freq apart
  T* h;
  const T* weights;    // of its first frame, or nullptr; frames are weights_frame apart
  std::size_t weights_frame;
  const T* past;       // smoothness: h before this iteration, frames before and behind the tile included
  bool first, last;    // whether it begins, ends the matrix
};

// Sums over a block of frames from which W is updated.
template <class T>
struct NmfSums {
  T* numerator;    // like the panels
  T* denominator;  // general: like the panels; kullback_leibler: sum of H, rank_stride; euclidean: H H^T, [rank][rank_stride]
};

template <class T>
struct NmfKernels {
  std::size_t panel;        // widest panel of frequencies
  std::size_t lanes;        // panels are multiples of it
  std::size_t tile_frames;  // frames of a full tile
  // scalars of scratch that every function below needs, 64-byte aligned
  std::size_t (*scratch)(const NmfShape<T>&);
  // `iterations` updates of the activations of a tile (one, if they are to be smooth); costs (optional) receives the
  // divergence and the penalty of H after each, two values an iteration; read (optional) receives the same for the
  // activations that the last one reads (euclidean: from the products of the update, rounded as the squares of V are)
  void (*update_activations)(const NmfShape<T>&, const NmfRule<T>&, const NmfDictionary<T>&, const NmfTile<T>&,
                             std::size_t iterations, double* costs, double* read, T* scratch);
  // adds (or, first, writes) what a tile contributes to the update of the dictionary
  void (*accumulate)(const NmfShape<T>&, const NmfRule<T>&, const NmfDictionary<T>&, const NmfTile<T>&, bool first,
                     const NmfSums<T>&, T* scratch);
  // updates the panel that starts at frequency `begin`, in both layouts, from the sums over all frames
  void (*update_dictionary)(const NmfShape<T>&, const NmfRule<T>&, std::size_t begin, const NmfSums<T>&, T* panels, T* rows,
                            T* scratch);
  // divergence of a tile and the penalty of its activations, with their change from the frame before it
  void (*cost)(const NmfShape<T>&, const NmfRule<T>&, const NmfDictionary<T>&, const NmfTile<T>&, double* cost, T* scratch);
  // out = a + b, n a multiple of lanes
  void (*add)(const T* a, const T* b, T* out, std::size_t n);
  // now, before = now (now / before)^momentum (now / read)^stride, now; n a multiple of lanes. Zeros stay zero.
  void (*extrapolate)(const NmfRule<T>&, T* now, T* before, const T* read, T momentum, T stride, std::size_t n);
  // out (frames, freq_stride) = the share of the components [first, last) in W H, of h (frames, rank_stride)
  void (*model)(const NmfShape<T>&, const NmfDictionary<T>&, const T* h, std::size_t frames, std::size_t first, std::size_t last, T* out);
};

}  // namespace phasewise
