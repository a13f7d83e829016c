// The update of the dictionary: what each tile of frames adds to its sums, then the step, panel by panel.
#pragma once

#include "nmf_tile.hpp"

namespace {

template <bool Add, class T>
void outer(std::size_t rows, const NmfShape<T>& shape, const NmfTile<T>& tile, const T* b, std::size_t b_row, std::size_t columns, T* c,
           std::size_t c_row) {
  product<Lanes<T>, Add>(rows, tile.frames, columns, MatrixView<const T>{tile.h, 1, shape.rank_stride}, b, b_row, c, c_row);
}

// V H^T by panels, H H^T
template <bool Add, class T>
void accumulate_euclidean(const NmfShape<T>& shape, const NmfTile<T>& tile, const NmfSums<T>& sums, const Workspace<T>& work) {
  for (std::size_t f = 0; f < shape.freq_stride; f += panel_width<T>) {
    const std::size_t width = width_of(shape, f, panel_width<T>);
    const MatrixView<const T> v = data_panel(shape, tile, f, work.edge);
    outer<Add>(shape.rank, shape, tile, v.data, v.row, width, sums.numerator + f * shape.rank, width);
  }
  with_rank_lanes<T>(shape.rank_lanes, [&](auto lanes) {
    const std::size_t r = shape.rank_stride;
    product<decltype(lanes), Add>(shape.rank, tile.frames, r, MatrixView<const T>{tile.h, 1, r}, static_cast<const T*>(tile.h), r,
                                  sums.denominator, r);
  });
}

template <RatioKind Kind, bool Add, class T>
void accumulate_ratios(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                       const NmfSums<T>& sums, const Workspace<T>& work) {
  for (std::size_t begin = 0; begin < shape.freq_stride; begin += chunk_width<T>) {
    const std::size_t width = width_of(shape, begin, chunk_width<T>);
    chunk_ratios<Kind, false>(shape, rule, w, tile, begin, work);
    for (std::size_t f = begin; f < begin + width; f += panel_width<T>) {
      const std::size_t n = width_of(shape, f, panel_width<T>);
      outer<Add>(shape.rank, shape, tile, work.ratio + (f - begin), chunk_width<T>, n, sums.numerator + f * shape.rank, n);
      if constexpr (Kind != RatioKind::kullback_leibler)
        outer<Add>(shape.rank, shape, tile, work.power + (f - begin), chunk_width<T>, n, sums.denominator + f * shape.rank, n);
    }
  }
  if constexpr (Kind == RatioKind::kullback_leibler) {
    for (std::size_t k = 0; k < shape.rank_stride; ++k) {
      T total = Add ? sums.denominator[k] : T(0);
      for (std::size_t t = 0; t < tile.frames; ++t) total += tile.h[t * shape.rank_stride + k];
      sums.denominator[k] = total;
    }
  }
}

template <bool Add, class T>
void accumulate_tile(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile,
                     const NmfSums<T>& sums, const Workspace<T>& work) {
  if (rule.kind == NmfKind::euclidean) return accumulate_euclidean<Add>(shape, tile, sums, work);
  with_ratio_kind(rule, tile, [&](auto kind) { accumulate_ratios<kind.value, Add>(shape, rule, w, tile, sums, work); });
}

template <class T>
void accumulate(const NmfShape<T>& shape, const NmfRule<T>& rule, const NmfDictionary<T>& w, const NmfTile<T>& tile, bool first,
                const NmfSums<T>& sums, T* scratch) {
  const FlushSubnormals mode;
  const Workspace<T> work(shape, scratch);
  if (first) accumulate_tile<false>(shape, rule, w, tile, sums, work);
  else accumulate_tile<true>(shape, rule, w, tile, sums, work);
}

template <class T>
void update_dictionary(const NmfShape<T>& shape, const NmfRule<T>& rule, std::size_t begin, const NmfSums<T>& sums, T* panels, T* rows,
                       T* scratch) {
  using V = Lanes<T>;
  const FlushSubnormals mode;
  const std::size_t width = width_of(shape, begin, panel_width<T>);
  T* w = panels + begin * shape.rank;
  const T* numerators = sums.numerator + begin * shape.rank;
  const T* denominators = sums.denominator + begin * shape.rank;
  if (rule.kind == NmfKind::euclidean) {
    product<V, false>(shape.rank, shape.rank, width, MatrixView<const T>{sums.denominator, shape.rank_stride, 1},
                      static_cast<const T*>(w), width, scratch, width);
    denominators = scratch;
  }
  const Step<V> step(rule, rule.w);
  const V scale = V::broadcast(rule.kind == NmfKind::euclidean ? rule.scale : T(1));
  for (std::size_t k = 0; k < shape.rank; ++k) {
    if (rule.fixed != nullptr && rule.fixed[k]) continue;
    const V each = V::broadcast(rule.w.each == nullptr ? T(0) : rule.w.each[k]);
    for (std::size_t f = 0; f < width; f += V::lanes) {
      const std::size_t i = k * width + f;
      const V denominator = rule.kind == NmfKind::kullback_leibler ? V::broadcast(sums.denominator[k]) : V::load(denominators + i);
      step(V::load(w + i), V::load(numerators + i) * scale, denominator + each).store(w + i);
    }
  }
  for (std::size_t f = 0; f < width; ++f)
    for (std::size_t k = 0; k < shape.rank; ++k) rows[(begin + f) * shape.rank_stride + k] = w[k * width + f];
}

template <class T>
void add(const T* a, const T* b, T* out, std::size_t n) {
  using V = Lanes<T>;
  for (std::size_t i = 0; i < n; i += V::lanes) (V::load(a + i) + V::load(b + i)).store(out + i);
}

// Not below `tiny`, where an entry would die for good.
template <class T>
void extrapolate(const NmfRule<T>& rule, T* now, T* before, const T* read, T momentum, T stride, std::size_t n) {
  using V = Lanes<T>;
  const FlushSubnormals mode;
  const V tiny = V::broadcast(T(1) / rule.most), m = V::broadcast(momentum), s = V::broadcast(stride);
  const auto ratio = [&](V x, V from) { return clamp(select_positive(from - tiny, x / max(from, tiny), constant<V>(1)), 0.1, 10); };
  for (std::size_t i = 0; i < n; i += V::lanes) {
    const V x = V::load(now + i), y = x * pow(ratio(x, V::load(before + i)), m) * pow(ratio(x, V::load(read + i)), s);
    x.store(before + i);
    max(min(y, V::broadcast(rule.factor_limit)), min(x, tiny)).store(now + i);
  }
}

template <class T>
void model(const NmfShape<T>& shape, const NmfDictionary<T>& w, const T* h, std::size_t frames, std::size_t first, std::size_t last,
           T* out) {
  const FlushSubnormals mode;
  for (std::size_t f = 0; f < shape.freq_stride; f += panel_width<T>) {
    const std::size_t width = width_of(shape, f, panel_width<T>);
    product<Lanes<T>, false>(frames, last - first, width, MatrixView<const T>{h + first, shape.rank_stride, 1},
                             w.panels + f * shape.rank + first * width, width, out + f, shape.freq_stride);
  }
}

template <class T>
constexpr NmfKernels<T> nmf_kernels() {
  return {panel_width<T>, native_lanes<T>, tile_frames, scratch_size<T>, update_activations<T>, accumulate<T>, update_dictionary<T>,
          cost<T>, add<T>, extrapolate<T>, model<T>};
}

}  // namespace
