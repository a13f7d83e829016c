// One tile of frames: update of its activations, its share of the update of the dictionary, its divergence.
//
// Both updates walk over chunks of frequencies: model, ratio and the product with the ratio follow each other while the
// chunk is in the first or second level of cache.
#pragma once

#include "nmf_entries.hpp"
#include "nmf_product.hpp"

namespace {

using phasewise::NmfDictionary;
using phasewise::NmfKernels;
using phasewise::NmfShape;
using phasewise::NmfSums;
using phasewise::NmfTile;

template <class T>
inline constexpr std::size_t panel_width = block_vectors * native_lanes<T>;
template <class T>
inline constexpr std::size_t chunk_panels = native_lanes<T> == 1 ? 64 : 4;
template <class T>
inline constexpr std::size_t chunk_width = chunk_panels<T> * panel_width<T>;
inline constexpr std::size_t tile_frames = 32;

template <class T>
using Lanes = Vec<T, native_lanes<T>>;

// ---- scratch of a tile ----------------------------------------------------------------------------------------------
template <class T>
struct Workspace {
  T *ratio, *power;             // tile_frames x chunk_width
  T *numerator, *denominator;   // tile_frames x rank_stride

  Workspace(const NmfShape<T>& shape, T* scratch)
      : ratio(scratch), power(ratio + tile_frames * chunk_width<T>), numerator(power + tile_frames * chunk_width<T>),
        denominator(numerator + tile_frames * shape.rank_stride) {}
};

template <class T>
std::size_t scratch_size(const NmfShape<T>& shape) {
  const std::size_t tile = 2 * tile_frames * (chunk_width<T> + shape.rank_stride), panel = shape.rank * panel_width<T>;
  return tile > panel ? tile : panel;
}

template <class T>
MatrixView<const T> activations(const NmfShape<T>& shape, const T* h) { return {h, shape.rank_stride, 1}; }

template <class T>
std::size_t width_of(const NmfShape<T>& shape, std::size_t begin, std::size_t most) {
  return begin + most <= shape.freq_stride ? most : shape.freq_stride - begin;
}

// W H of a chunk of frequencies: frames x chunk_width
template <class T>
void model_chunk(const NmfShape<T>& shape, const T* panels, const NmfTile<T>& tile, std::size_t begin, T* out) {
  const std::size_t end = begin + width_of(shape, begin, chunk_width<T>);
  for (std::size_t f = begin; f < end; f += panel_width<T>) {
    const std::size_t width = width_of(shape, f, panel_width<T>);
    product<Lanes<T>, false>(tile.frames, shape.rank, width, activations<T>(shape, tile.h), panels + f * shape.rank, width,
                             out + (f - begin), chunk_width<T>);
  }
}

// ---- activations ----------------------------------------------------------------------------------------------------
template <NmfKind Kind, class T>
void gather_activations(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                        const Workspace<T>& work) {
  with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
    using V = decltype(lanes);
    const std::size_t r = shape.rank_stride;
    for (std::size_t i = 0; i < tile.frames * r; ++i) work.numerator[i] = 0;
    if constexpr (Kind == NmfKind::general)
      for (std::size_t i = 0; i < tile.frames * r; ++i) work.denominator[i] = 0;
    for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
      const std::size_t width = width_of(shape, begin, chunk_width<T>), valid = begin + width <= shape.freq ? width : shape.freq - begin;
      model_chunk(shape, w.panels, tile, begin, work.ratio);
      for (std::size_t t = 0; t < tile.frames; ++t)
        ratios<Lanes<T>, Kind>(rule, tile.v + t * shape.freq + begin, valid, work.ratio + t * chunk_width<T>,
                               work.power + t * chunk_width<T>, width);
      const MatrixView<const T> ratio{work.ratio, chunk_width<T>, 1}, power{work.power, chunk_width<T>, 1};
      product<V, true>(tile.frames, valid, r, ratio, w.rows + begin * r, r, work.numerator, r);
      if constexpr (Kind == NmfKind::general) product<V, true>(tile.frames, valid, r, power, w.rows + begin * r, r, work.denominator, r);
    }
  });
}

template <class T>
double penalty(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile) {
  double sum = 0, squares = 0;
  for (std::size_t t = 0; t < tile.frames; ++t)
    for (std::size_t k = 0; k < shape.rank; ++k) {
      const double h = static_cast<double>(tile.h[t * shape.rank_stride + k]);
      sum += h;
      squares += h * h;
    }
  return static_cast<double>(rule.l1_h) * sum + 0.5 * static_cast<double>(rule.l2_h) * squares;
}

template <class T>
void cost(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile, double* result, T* scratch) {
  using V = Lanes<T>;
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  double total = 0;
  for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
    const std::size_t end = begin + chunk_width<T> < shape.freq ? begin + chunk_width<T> : shape.freq;
    model_chunk(shape, w.panels, tile, begin, work.ratio);
    for (std::size_t t = 0; t < tile.frames; ++t) {
      const T* v = tile.v + t * shape.freq;
      const T* model = work.ratio + t * chunk_width<T> - begin;
      V terms = V::zero();
      for (std::size_t f = begin; f < end; f += V::lanes) {
        // Lanes beyond the last frequency compare one with one.
        const V x = max(load_some<V>(v + f, end - f, T(1) / rule.scale) * V::broadcast(rule.scale), V::broadcast(rule.data_floor));
        const V y = min(max(load_some<V>(model + f, end - f, T(1)), V::broadcast(rule.model_floor)), V::broadcast(rule.model_limit));
        terms = terms + divergence_terms(x, y, rule.beta);
      }
      total += static_cast<double>(sum(terms));
    }
  }
  result[0] = total;
  result[1] = penalty(shape, rule, tile);
}

template <class T>
void update_activations(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                        std::size_t iterations, double* costs, T* scratch) {
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  const std::size_t r = shape.rank_stride;
  with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
    using V = decltype(lanes);
    const Step<V> step(rule, rule.l1_h, rule.l2_h);
    for (std::size_t i = 0; i < iterations; ++i) {
      if (rule.kind == NmfKind::euclidean) {
        if (i == 0) {  // W^T V does not change with H
          product<V, false>(tile.frames, shape.freq, r, MatrixView<const T>{tile.v, shape.freq, 1}, w.rows, r,
                            work.numerator, r);
        }
        product<V, false>(tile.frames, shape.rank, r, activations<T>(shape, tile.h), w.gram, r, work.denominator, r);
      } else if (rule.kind == NmfKind::kullback_leibler) {
        gather_activations<NmfKind::kullback_leibler>(shape, rule, w, tile, work);
      } else {
        gather_activations<NmfKind::general>(shape, rule, w, tile, work);
      }
      const bool scaled = rule.kind == NmfKind::euclidean, constant_denominator = rule.kind == NmfKind::kullback_leibler;
      for (std::size_t t = 0; t < tile.frames; ++t)
        for (std::size_t k = 0; k < r; k += V::lanes) {
          V numerator = V::load(work.numerator + t * r + k);
          if (scaled) numerator = numerator * V::broadcast(rule.scale);
          const V denominator = V::load(constant_denominator ? w.sums + k : work.denominator + t * r + k);
          step(V::load(tile.h + t * r + k), numerator, denominator).store(tile.h + t * r + k);
        }
      if (costs != nullptr) cost(shape, rule, w, tile, costs + 2 * i, scratch);  // keeps the numerators
    }
  });
}

}  // namespace
