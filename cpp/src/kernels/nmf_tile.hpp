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
  T* edge;                      // tile_frames x panel_width
  T *numerator, *denominator;   // tile_frames x rank_stride
  T *linear, *groups;           // of a frame: rank_stride weights, at most as many groups

  Workspace(const NmfShape<T>& shape, T* scratch)
      : ratio(scratch), power(ratio + tile_frames * chunk_width<T>), edge(power + tile_frames * chunk_width<T>),
        numerator(edge + tile_frames * panel_width<T>), denominator(numerator + tile_frames * shape.rank_stride),
        linear(denominator + tile_frames * shape.rank_stride), groups(linear + shape.rank_stride) {}
};

template <class T>
std::size_t scratch_size(const NmfShape<T>& shape) {
  const std::size_t tile = tile_frames * (2 * chunk_width<T> + panel_width<T> + 2 * shape.rank_stride) + 2 * shape.rank_stride, panel = shape.rank * panel_width<T>;
  return tile > panel ? tile : panel;
}

template <class T>
MatrixView<const T> activations(const NmfShape<T>& shape, const T* h) { return {h, shape.rank_stride, 1}; }

template <class T>
std::size_t width_of(const NmfShape<T>& shape, std::size_t begin, std::size_t most) {
  return begin + most <= shape.freq_stride ? most : shape.freq_stride - begin;
}

// ---- model, ratios, divergence --------------------------------------------------------------------------------------
// The part of V in a panel. Where the panel is wider than what is left of V, a copy with zeros behind.
template <class T>
PW_INLINE MatrixView<const T> data_panel(const NmfShape<T>& shape, const NmfTile<T>& tile, std::size_t begin, T* edge) {
  const std::size_t width = width_of(shape, begin, panel_width<T>);
  if (begin + width <= shape.freq) return {tile.v + begin, shape.freq, 1};
  const std::size_t left = shape.freq - begin;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    T* row = edge + t * panel_width<T>;
    std::memcpy(row, tile.v + t * shape.freq + begin, left * sizeof(T));
    for (std::size_t i = left; i < width; ++i) row[i] = T(0);
  }
  return {edge, panel_width<T>, 1};
}

// V is read in short pieces, too short for the processor to foresee them: a panel is asked for while its model is computed.
template <class T>
PW_INLINE void fetch(const NmfTile<T>& tile, MatrixView<const T> v) {
  constexpr std::size_t line = 64 / sizeof(T);
  for (std::size_t t = 0; t < tile.frames; ++t)
    for (std::size_t i = 0; i <= panel_width<T>; i += line) prefetch(v.data + t * v.row + i);
}

// W H of a panel of frequencies, rows chunk_width apart
template <class T, class Finish = KeepSum>
void model_panel(const NmfShape<T>& shape, const T* panels, const NmfTile<T>& tile, std::size_t begin, T* out, const Finish& finish = {}) {
  const std::size_t width = width_of(shape, begin, panel_width<T>);
  product<Lanes<T>, false>(tile.frames, shape.rank, width, activations<T>(shape, tile.h), panels + begin * shape.rank, width, out,
                           chunk_width<T>, finish);
}

// Turns a model into numerator terms as it leaves the registers, and keeps the denominator terms.
template <RatioKind Kind, class T>
struct FinishRatio {
  RatioOf<Lanes<T>, Kind> ratio;
  MatrixView<const T> v;
  T* power;

  PW_INLINE Lanes<T> operator()(Lanes<T> model, std::size_t row, std::size_t column) const {
    const Ratios<Lanes<T>> r = ratio(Lanes<T>::load(v.data + row * v.row + column), model);
    if constexpr (Kind != RatioKind::kullback_leibler) r.denominator.store(power + row * chunk_width<T> + column);
    return r.numerator;
  }
};

// Replaces the model of a panel by the numerator terms and fills the denominator terms. With Cost, returns the divergence.
template <RatioKind Kind, bool Cost, class T>
double panel_ratios(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, MatrixView<const T> v, std::size_t begin,
                    T* model, T* power) {
  using V = Lanes<T>;
  const RatioOf<V, Kind> ratio(rule);
  const std::size_t width = width_of(shape, begin, panel_width<T>);
  double total = 0;
  V costs = V::zero();
  for (std::size_t t = 0; t < tile.frames; ++t) {
    if (Cost && t % 4 == 0) {  // few terms at a time, so that small ones are not lost
      total += static_cast<double>(sum(costs));
      costs = V::zero();
    }
    for (std::size_t f = 0; f < width; f += V::lanes) {
      const std::size_t at = begin + f, left = at < shape.freq ? shape.freq - at : 0, i = t * chunk_width<T> + f;
      V weight = first_ones<V>(left), x = V::load(v.data + t * v.row + f);
      if (Kind == RatioKind::general && tile.weights != nullptr) {  // v is not looked at where its weight is 0
        weight = load_some<V>(tile.weights + t * tile.weights_frame + at, left, T(0));
        x = select_positive(weight, x, V::zero());
      }
      const V y = V::load(model + i);
      const Ratios<V> r = ratio(x, y);
      if constexpr (Cost) costs = fma(weight, divergence_terms(ratio.data(x), ratio.bounded(y), r, rule.beta), costs);
      (Kind == RatioKind::general ? weight * r.numerator : r.numerator).store(model + i);
      if constexpr (Kind != RatioKind::kullback_leibler) (Kind == RatioKind::general ? weight * r.denominator : r.denominator).store(power + i);
    }
  }
  return total + static_cast<double>(sum(costs));
}

// Numerator and denominator terms of a chunk of frequencies, into the workspace. With Cost, returns the divergence.
template <RatioKind Kind, bool Cost, class T>
double chunk_ratios(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile, std::size_t begin,
                    const Workspace<T>& work) {
  const std::size_t end = begin + width_of(shape, begin, chunk_width<T>);
  double divergence = 0;
  for (std::size_t f = begin; f < end; f += panel_width<T>) {
    T *model = work.ratio + (f - begin), *power = work.power + (f - begin);
    const MatrixView<const T> v = data_panel(shape, tile, f, work.edge);
    fetch(tile, v);
    if constexpr (Kind != RatioKind::general && !Cost) {
      model_panel(shape, w.panels, tile, f, model, FinishRatio<Kind, T>{RatioOf<Lanes<T>, Kind>(rule), v, power});
    } else {
      model_panel(shape, w.panels, tile, f, model);
      divergence += panel_ratios<Kind, Cost>(shape, rule, tile, v, f, model, power);
    }
  }
  return divergence;
}

// Calls f with the kind of ratio as a type.
template <class T, class F>
PW_INLINE void with_ratio_kind(const NmfRule<T>& rule, const NmfTile<T>& tile, F&& f) {
  if (tile.weights != nullptr || (rule.beta != 0 && rule.beta != 1)) f(std::integral_constant<RatioKind, RatioKind::general>{});
  else if (rule.beta == 1) f(std::integral_constant<RatioKind, RatioKind::kullback_leibler>{});
  else f(std::integral_constant<RatioKind, RatioKind::itakura_saito>{});
}

// ---- activations ----------------------------------------------------------------------------------------------------
// Numerators and denominators of the activations. With Cost, returns the divergence before their update.
template <RatioKind Kind, bool Cost, class T>
double gather_activations(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                          const Workspace<T>& work) {
  constexpr bool two = Kind != RatioKind::kullback_leibler;
  const std::size_t r = shape.rank_stride;
  double divergence = 0;
  for (std::size_t i = 0; i < tile.frames * r; ++i) work.numerator[i] = 0;
  if constexpr (two)
    for (std::size_t i = 0; i < tile.frames * r; ++i) work.denominator[i] = 0;
  for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
    const std::size_t width = width_of(shape, begin, chunk_width<T>), valid = begin + width <= shape.freq ? width : shape.freq - begin;
    divergence += chunk_ratios<Kind, Cost>(shape, rule, w, tile, begin, work);
    with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
      using V = decltype(lanes);
      const MatrixView<const T> ratio{work.ratio, chunk_width<T>, 1}, power{work.power, chunk_width<T>, 1};
      product<V, true>(tile.frames, valid, r, ratio, w.rows + begin * r, r, work.numerator, r);
      if constexpr (two) product<V, true>(tile.frames, valid, r, power, w.rows + begin * r, r, work.denominator, r);
    });
  }
  return divergence;
}

// Sums of the groups of components in a frame.
template <class T>
void group_sums(const NmfShape<T>& shape, const NmfRule<T>& rule, const T* h, T* sums) {
  for (std::size_t g = 0; g < rule.group_count; ++g) sums[g] = 0;
  for (std::size_t k = 0; k < shape.rank; ++k) sums[rule.groups[k]] += h[k];
}

template <class T>
double penalty(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, const T* activations, const Workspace<T>& work) {
  double sum = 0, squares = 0, changes = 0, each = 0, groups = 0;
  for (std::size_t t = 0; t < tile.frames; ++t) {
    const T* h = activations + t * shape.rank_stride;
    for (std::size_t k = 0; k < shape.rank; ++k) {
      const double x = static_cast<double>(h[k]);
      sum += x;
      squares += x * x;
    }
    if (rule.h.each != nullptr)
      for (std::size_t k = 0; k < shape.rank; ++k) each += static_cast<double>(rule.h.each[k]) * static_cast<double>(h[k]);
    if (rule.group_h > 0) {
      group_sums(shape, rule, h, work.groups);
      for (std::size_t g = 0; g < rule.group_count; ++g)
        groups += static_cast<double>(log(Vec<T, 1>{T(1) + work.groups[g] / rule.group_scale}).v);
    }
    if (rule.smooth_h > 0 && !(tile.first && t == 0))
      for (std::size_t k = 0; k < shape.rank; ++k) {
        const double change = static_cast<double>(h[k]) - static_cast<double>((h - shape.rank_stride)[k]);
        changes += change * change;
      }
  }
  return static_cast<double>(rule.h.l1) * sum + 0.5 * static_cast<double>(rule.h.l2) * squares + each +
         static_cast<double>(rule.smooth_h) * changes + static_cast<double>(rule.group_h) * groups;
}

template <class T>
void cost(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile, double* result, T* scratch) {
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  result[0] = 0;
  with_ratio_kind(rule, tile, [&](auto kind) {
    for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>)
      result[0] += chunk_ratios<kind.value, true>(shape, rule, w, tile, begin, work);
  });
  result[1] = penalty(shape, rule, tile, tile.h, work);
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

// Weights of the activations of a frame that differ from component to component, beside those that all have; nullptr: none.
// The logarithm of a group is majorised by its tangent.
template <class T>
const T* linear_weights(const NmfShape<T>& shape, const NmfRule<T>& rule, const T* h, const Workspace<T>& work) {
  if (!(rule.group_h > 0)) return rule.h.each;
  group_sums(shape, rule, h, work.groups);
  for (std::size_t k = 0; k < shape.rank; ++k) {
    const T group = rule.group_h / (rule.group_scale + work.groups[rule.groups[k]]);
    work.linear[k] = rule.h.each != nullptr ? group + rule.h.each[k] : group;
  }
  for (std::size_t k = shape.rank; k < shape.rank_stride; ++k) work.linear[k] = 0;
  return work.linear;
}

// One step of the activations of a frame. With smoothness, neighbours pull at them and stiffen them: see the numpy twin.
template <class V, class T>
PW_INLINE void step_frame(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfTile<T>& tile, std::size_t t, const T* numerators,
                          T numerator_scale, const T* denominators, const Workspace<T>& work) {
  const std::size_t r = shape.rank_stride;
  T* h = tile.h + t * r;
  const T* linear = linear_weights(shape, rule, h, work);
  const V scale = V::broadcast(numerator_scale);
  const auto denominator = [&](std::size_t k) PW_LAMBDA {
    const V d = V::load(denominators + k);
    return linear == nullptr ? d : d + V::load(linear + k);
  };
  if (rule.smooth_h > 0) {
    const T* past = tile.past + t * r;
    const bool before = !(tile.first && t == 0), behind = !(tile.last && t + 1 == tile.frames);
    const T neighbours = static_cast<T>(int{before} + int{behind}), twice = 2 * rule.smooth_h;
    const Step<V> step(rule, rule.h, 2 * twice * neighbours);
    for (std::size_t k = 0; k < r; k += V::lanes) {
      V pull = V::broadcast(neighbours) * V::load(past + k);
      if (before) pull = pull + V::load(past - r + k);
      if (behind) pull = pull + V::load(past + r + k);
      step(V::load(h + k), V::load(numerators + k) * scale, denominator(k), V::broadcast(twice) * pull).store(h + k);
    }
    return;
  }
  const Step<V> step(rule, rule.h);
  for (std::size_t k = 0; k < r; k += V::lanes) step(V::load(h + k), V::load(numerators + k) * scale, denominator(k)).store(h + k);
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
      if (read != nullptr) read[1] = penalty(shape, rule, tile, rule.smooth_h > 0 ? tile.past : tile.h, work);
      if (rule.kind == NmfKind::euclidean) {
        if (i == 0) {  // W^T V does not change with H
          product<V, false>(tile.frames, shape.freq, r, MatrixView<const T>{tile.v, shape.freq, 1}, w.rows, r,
                            work.numerator, r);
        }
        product<V, false>(tile.frames, shape.rank, r, activations<T>(shape, tile.h), w.gram, r, work.denominator, r);
        if (read != nullptr) read[0] = euclidean_divergence(shape, rule, tile, work);
      } else {
        with_ratio_kind(rule, tile, [&](auto kind) {
          if (read == nullptr) gather_activations<kind.value, false>(shape, rule, w, tile, work);
          else read[0] = gather_activations<kind.value, true>(shape, rule, w, tile, work);
        });
      }
      const T scale = rule.kind == NmfKind::euclidean ? rule.scale : T(1);
      for (std::size_t t = 0; t < tile.frames; ++t)
        step_frame<V>(shape, rule, tile, t, work.numerator + t * r, scale,
                      rule.kind == NmfKind::kullback_leibler ? w.sums : work.denominator + t * r, work);
      if (costs != nullptr) cost(shape, rule, w, tile, costs + 2 * i, scratch);  // keeps the numerators
    }
  });
}

}  // namespace
