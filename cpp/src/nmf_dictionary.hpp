// The dictionary as the kernels read it: in two layouts, with what follows from it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "phasewise/aligned.hpp"
#include "phasewise/kernels/gemm_table.hpp"
#include "phasewise/kernels/nmf_table.hpp"

namespace phasewise {

inline std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// How factors of this size lie in memory, for vectors of `lanes`.
template <class T>
NmfShape<T> shape_of(std::size_t freq, std::size_t rank, std::size_t lanes) {
  NmfShape<T> shape{};
  shape.freq = freq;
  shape.rank = rank;
  // Few components: shorter vectors, so that less of them is padding.
  shape.rank_lanes = lanes;
  while (shape.rank_lanes * sizeof(T) > 16 && rank <= shape.rank_lanes / 2) shape.rank_lanes /= 2;
  shape.freq_stride = round_up(freq, lanes);
  shape.rank_stride = round_up(rank, shape.rank_lanes);
  return shape;
}

template <class T>
class Dictionary {
 public:
  Dictionary(const NmfKernels<T>& kernels, const GemmKernels<T>& gemm, const NmfShape<T>& shape, NmfKind kind, bool want_sums)
      : kernels_(kernels), gemm_(gemm), shape_(shape), kind_(kind), want_sums_(want_sums || kind == NmfKind::kullback_leibler),
        panels_(shape.freq_stride * shape.rank), rows_(shape.freq_stride * shape.rank_stride), sums_(shape.rank_stride),
        gram_(kind == NmfKind::euclidean ? shape.rank * shape.rank_stride : 0) {}

  // Reads W (freq x rank), multiplied by `scale` and held below `limit`.
  void load(const T* w, double scale, T limit) {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    for (std::size_t f = 0; f < shape_.freq_stride; ++f)
      for (std::size_t k = 0; k < r; ++k) {
        const bool inside = k < rank && f < shape_.freq;
        rows_[f * r + k] = inside ? std::min(static_cast<T>(static_cast<double>(w[f * rank + k]) * scale), limit) : T(0);
      }
    for (std::size_t begin = 0; begin < shape_.freq_stride; begin += kernels_.panel) {
      const std::size_t width = panel_width(begin);
      for (std::size_t k = 0; k < rank; ++k)
        for (std::size_t f = 0; f < width; ++f) panels_[begin * rank + k * width + f] = rows_[(begin + f) * r + k];
    }
    summarize();
  }

  // Writes the columns that are not fixed. In the unit of V their values may be beyond the type, but stay finite.
  void store(T* w, double scale, const bool* fixed) const {
    const std::size_t rank = shape_.rank, r = shape_.rank_stride;
    constexpr double most = static_cast<double>(std::numeric_limits<T>::max());
    for (std::size_t f = 0; f < shape_.freq; ++f)
      for (std::size_t k = 0; k < rank; ++k)
        if (fixed == nullptr || !fixed[k]) w[f * rank + k] = static_cast<T>(std::min(static_cast<double>(rows_[f * r + k]) / scale, most));
  }

  // After a change of the panels alone.
  void copy_rows() {
    for (std::size_t begin = 0; begin < shape_.freq_stride; begin += kernels_.panel) {
      const std::size_t width = panel_width(begin);
      const T* panel = panels_.data() + begin * shape_.rank;
      for (std::size_t f = 0; f < width; ++f)
        for (std::size_t k = 0; k < shape_.rank; ++k) rows_[(begin + f) * shape_.rank_stride + k] = panel[k * width + f];
    }
    summarize();
  }

  // After a change of both layouts: what the updates of H need to know of W besides W.
  void summarize() {
    const std::size_t r = shape_.rank_stride;
    if (kind_ == NmfKind::euclidean) gemm_.gram(rows_.data(), shape_.freq, shape_.rank, r, gram_.data());
    if (!want_sums_) return;
    std::fill(sums_.data(), sums_.data() + r, T(0));
    for (std::size_t f = 0; f < shape_.freq; ++f)
      for (std::size_t k = 0; k < r; ++k) sums_[k] += rows_[f * r + k];
  }

  double penalty(const NmfPenalty<T>& penalty) const {
    double sum = 0, squares = 0;
    for (std::size_t f = 0; f < shape_.freq; ++f)
      for (std::size_t k = 0; k < shape_.rank; ++k) {
        const double w = static_cast<double>(rows_[f * shape_.rank_stride + k]);
        sum += w;
        squares += w * w;
      }
    return static_cast<double>(penalty.l1) * sum + 0.5 * static_cast<double>(penalty.l2) * squares;
  }

  std::size_t panels() const { return (shape_.freq_stride + kernels_.panel - 1) / kernels_.panel; }
  std::size_t panel_width(std::size_t begin) const { return std::min(kernels_.panel, shape_.freq_stride - begin); }
  std::size_t size() const { return panels_.size(); }
  T* panel_data() { return panels_.data(); }
  T* row_data() { return rows_.data(); }
  const T* sums() const { return sums_.data(); }
  NmfDictionary<T> view() const { return {panels_.data(), rows_.data(), sums_.data(), gram_.data()}; }

 private:
  const NmfKernels<T>& kernels_;
  const GemmKernels<T>& gemm_;
  NmfShape<T> shape_;
  NmfKind kind_;
  bool want_sums_;
  AlignedBuffer<T> panels_, rows_, sums_, gram_;
};

}  // namespace phasewise
