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

// Replaces the model of a chunk by the numerator terms, and (general) fills the denominator terms.
template <NmfKind Kind, class T>
void chunk_ratios(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, std::size_t begin, const Workspace<T>& work) {
  const std::size_t width = width_of(shape, begin, chunk_width<T>), valid = begin + width <= shape.freq ? width : shape.freq - begin;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    const T* v = tile.v + t * shape.freq + begin;
    T *model = work.ratio + t * chunk_width<T>, *power = work.power + t * chunk_width<T>;
    if constexpr (Kind == NmfKind::general) {
      if (tile.weights != nullptr) {
        weighted_ratios<Lanes<T>>(rule, v, tile.weights + t * tile.weights_frame + begin, valid, model, power, width);
        continue;
      }
    }
    ratios<Lanes<T>, Kind>(rule, v, valid, model, power, width);
  }
}

// Divergence of the tile from the model of a chunk.
template <class T>
double chunk_divergence(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, std::size_t begin, const T* chunk) {
  using V = Lanes<T>;
  const std::size_t end = begin + chunk_width<T> < shape.freq ? begin + chunk_width<T> : shape.freq;
  double total = 0;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    const T* v = tile.v + t * shape.freq;
    const T* weights = tile.weights == nullptr ? nullptr : tile.weights + t * tile.weights_frame;
    const T* model = chunk + t * chunk_width<T> - begin;
    V terms = V::zero();
    for (std::size_t f = begin; f < end; f += V::lanes) {
      // Lanes beyond the last frequency compare one with one.
      V x = load_some<V>(v + f, end - f, T(1) / rule.scale) * V::broadcast(rule.scale);
      const V weight = weights != nullptr ? load_some<V>(weights + f, end - f, T(0)) : constant<V>(1);
      if (weights != nullptr) x = select_positive(weight, x, V::zero());
      x = max(x, V::broadcast(rule.data_floor));
      const V y = min(max(load_some<V>(model + f, end - f, T(1)), V::broadcast(rule.model_floor)), V::broadcast(rule.model_limit));
      terms = fma(weight, divergence_terms(x, y, rule.beta), terms);
    }
    total += static_cast<double>(sum(terms));
  }
  return total;
}

// ---- activations ----------------------------------------------------------------------------------------------------
// divergence (optional) receives that of the activations before their update.
template <NmfKind Kind, class T>
void gather_activations(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                        const Workspace<T>& work, double* divergence) {
  if (divergence != nullptr) *divergence = 0;
  with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
    using V = decltype(lanes);
    const std::size_t r = shape.rank_stride;
    for (std::size_t i = 0; i < tile.frames * r; ++i) work.numerator[i] = 0;
    if constexpr (Kind == NmfKind::general)
      for (std::size_t i = 0; i < tile.frames * r; ++i) work.denominator[i] = 0;
    for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
      const std::size_t width = width_of(shape, begin, chunk_width<T>), valid = begin + width <= shape.freq ? width : shape.freq - begin;
      model_chunk(shape, w.panels, tile, begin, work.ratio);
      if (divergence != nullptr) *divergence += chunk_divergence(shape, rule, tile, begin, work.ratio);
      chunk_ratios<Kind>(shape, rule, tile, begin, work);
      const MatrixView<const T> ratio{work.ratio, chunk_width<T>, 1}, power{work.power, chunk_width<T>, 1};
      product<V, true>(tile.frames, valid, r, ratio, w.rows + begin * r, r, work.numerator, r);
      if constexpr (Kind == NmfKind::general) product<V, true>(tile.frames, valid, r, power, w.rows + begin * r, r, work.denominator, r);
    }
  });
}

template <class T>
double penalty(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, const T* activations) {
  double sum = 0, squares = 0, changes = 0;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    const T* h = activations + t * shape.rank_stride;
    for (std::size_t k = 0; k < shape.rank; ++k) {
      const double x = static_cast<double>(h[k]);
      sum += x;
      squares += x * x;
    }
    if (rule.smooth_h > 0 && !(tile.first && t == 0))
      for (std::size_t k = 0; k < shape.rank; ++k) {
        const double change = static_cast<double>(h[k]) - static_cast<double>((h - shape.rank_stride)[k]);
        changes += change * change;
      }
  }
  return static_cast<double>(rule.h.l1) * sum + 0.5 * static_cast<double>(rule.h.l2) * squares + static_cast<double>(rule.smooth_h) * changes;
}

template <class T>
void cost(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile, double* result, T* scratch) {
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  result[0] = 0;
  for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
    model_chunk(shape, w.panels, tile, begin, work.ratio);
    result[0] += chunk_divergence(shape, rule, tile, begin, work.ratio);
  }
  result[1] = penalty(shape, rule, tile, tile.h);
}

// Half the squared distance of the tile from the model, from the products that the update needs: W^T V and W^T W H.
template <class T>
double euclidean_divergence(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, const Workspace<T>& work) {
  using V = Lanes<T>;
  double squares = 0, cross = 0, model = 0;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    V sums = V::zero();
    for (std::size_t f = 0; f < shape.freq; f += V::lanes) {
      const V x = load_some<V>(tile.v + t * shape.freq + f, shape.freq - f, T(0)) * V::broadcast(rule.scale);
      sums = fma(x, x, sums);
    }
    squares += static_cast<double>(sum(sums));
    const std::size_t row = t * shape.rank_stride;
    for (std::size_t k = row; k < row + shape.rank; ++k) {
      cross += static_cast<double>(tile.h[k]) * static_cast<double>(work.numerator[k]);
      model += static_cast<double>(tile.h[k]) * static_cast<double>(work.denominator[k]);
    }
  }
  return 0.5 * (squares + model) - static_cast<double>(rule.scale) * cross;
}

// One step of the activations of a frame. With smoothness, neighbours pull at them and stiffen them: see the numpy twin.
template <class V, class T>
PW_INLINE void step_frame(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, std::size_t t, const T* numerators,
                          T numerator_scale, const T* denominators) {
  const std::size_t r = shape.rank_stride;
  T* h = tile.h + t * r;
  const V scale = V::broadcast(numerator_scale);
  if (rule.smooth_h > 0) {
    const T* past = tile.past + t * r;
    const bool before = !(tile.first && t == 0), behind = !(tile.last && t + 1 == tile.frames);
    const T neighbours = static_cast<T>(int{before} + int{behind}), twice = 2 * rule.smooth_h;
    const Step<V> step(rule, rule.h, 2 * twice * neighbours);
    for (std::size_t k = 0; k < r; k += V::lanes) {
      V pull = V::broadcast(neighbours) * V::load(past + k);
      if (before) pull = pull + V::load(past - r + k);
      if (behind) pull = pull + V::load(past + r + k);
      step(V::load(h + k), V::load(numerators + k) * scale, V::load(denominators + k), V::broadcast(twice) * pull).store(h + k);
    }
    return;
  }
  const Step<V> step(rule, rule.h);
  for (std::size_t k = 0; k < r; k += V::lanes)
    step(V::load(h + k), V::load(numerators + k) * scale, V::load(denominators + k)).store(h + k);
}

template <class T>
void update_activations(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                        std::size_t iterations, double* costs, double* read, T* scratch) {
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  const std::size_t r = shape.rank_stride;
  with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
    using V = decltype(lanes);
    for (std::size_t i = 0; i < iterations; ++i) {
      // Neighbouring tiles may have moved on; what they were is among the past.
      if (read != nullptr) read[1] = penalty(shape, rule, tile, rule.smooth_h > 0 ? tile.past : tile.h);
      if (rule.kind == NmfKind::euclidean) {
        if (i == 0) {  // W^T V does not change with H
          product<V, false>(tile.frames, shape.freq, r, MatrixView<const T>{tile.v, shape.freq, 1}, w.rows, r,
                            work.numerator, r);
        }
        product<V, false>(tile.frames, shape.rank, r, activations<T>(shape, tile.h), w.gram, r, work.denominator, r);
        if (read != nullptr) read[0] = euclidean_divergence(shape, rule, tile, work);
      } else if (rule.kind == NmfKind::kullback_leibler) {
        gather_activations<NmfKind::kullback_leibler>(shape, rule, w, tile, work, read);
      } else {
        gather_activations<NmfKind::general>(shape, rule, w, tile, work, read);
      }
      const T scale = rule.kind == NmfKind::euclidean ? rule.scale : T(1);
      for (std::size_t t = 0; t < tile.frames; ++t)
        step_frame<V>(shape, rule, tile, t, work.numerator + t * r, scale,
                      rule.kind == NmfKind::kullback_leibler ? w.sums : work.denominator + t * r);
      if (costs != nullptr) cost(shape, rule, w, tile, costs + 2 * i, scratch);  // keeps the numerators
    }
  });
}

}  // namespace
