#include "phasewise/activations.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "nmf_dictionary.hpp"
#include "nmf_rule.hpp"
#include "phasewise/aligned.hpp"
#include "phasewise/dispatch.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

NmfOptions options_of(double beta) {
  NmfOptions options;
  options.beta = beta;
  options.update_w = false;
  return options;
}

template <class T>
T peak_of(const T* v, std::size_t n) {
  T peak = 0;
  for (std::size_t i = 0; i < n; ++i) peak = std::max(peak, v[i]);
  return peak;
}

// The power of two that brings a peak to 1..2; 1 for silence.
template <class T>
double level_of(T peak) { return scale_of<T>({1, peak > 0 ? static_cast<double>(peak) : 1}); }

}  // namespace

template <class T>
struct Activations<T>::Packed {
  Packed(const T* w, std::size_t freq, std::size_t rank, double beta, std::size_t iterations)
      : kernels(nmf_kernels<T>(active_isa())), shape(shape_of<T>(freq, rank, kernels.lanes)),
        rule(make_rule<T>(options_of(beta), Extent{1, 1}, 1, false, false)), iterations(iterations),
        scale(level_of(peak_of(w, freq * rank))),
        dictionary(kernels, gemm_kernels<T>(active_isa()), shape, rule.kind, false) {
    dictionary.load(w, scale, rule.factor_limit);
    thread_scratch<T>(memory());
  }

  // Scratch of a tile: its activations, its frames, then that of the kernels.
  std::size_t activations() const { return round_up(kernels.tile_frames * shape.rank_stride, 64 / sizeof(T)); }
  std::size_t frames() const { return round_up(kernels.tile_frames * shape.freq_stride, 64 / sizeof(T)); }
  std::size_t memory() const { return activations() + frames() + kernels.scratch(shape); }

  void fit(const T* v, std::size_t count, T* h) const;
  void model(const T* h, std::size_t count, std::size_t first, std::size_t last, T* out) const;

  const NmfKernels<T>& kernels;
  NmfShape<T> shape;
  NmfRule<T> rule;
  std::size_t iterations;
  double scale;  // W is multiplied by it
  Dictionary<T> dictionary;
};

// Every frame is multiplied by a power of two of its own, which brings its peak to 1..2 and changes no other bit: so floors
// are shares of its peak, whatever surrounds it.
template <class T>
void Activations<T>::Packed::fit(const T* v, std::size_t count, T* h) const {
  T* memory_of_tile = thread_scratch<T>(memory());
  T *padded = memory_of_tile, *scaled = padded + activations();
  const std::size_t freq = shape.freq, rank = shape.rank, r = shape.rank_stride;
  for (std::size_t t = 0; t < count; ++t) {
    const T peak = peak_of(v + t * freq, freq);
    const double level = level_of(peak);
    const T factor = static_cast<T>(level), floor = rule.beta <= 0 ? T(1e-10) * peak * factor : T(0);
    for (std::size_t f = 0; f < freq; ++f) scaled[t * freq + f] = std::max(v[t * freq + f] * factor, floor);
    for (std::size_t k = 0; k < r; ++k) {
      const double start = k < rank ? static_cast<double>(h[t * rank + k]) * level / scale : 0;
      padded[t * r + k] = static_cast<T>(std::min(start, static_cast<double>(rule.factor_limit)));
    }
  }
  NmfTile<T> tile{};
  tile.frames = count;
  tile.v = scaled;
  tile.h = padded;
  kernels.update_activations(shape, rule, dictionary.view(), tile, iterations, nullptr, nullptr, scaled + frames());
  for (std::size_t t = 0; t < count; ++t) {
    const T peak = peak_of(v + t * freq, freq);
    const double unscaled = peak > 0 ? scale / level_of(peak) : 0;
    for (std::size_t k = 0; k < rank; ++k) h[t * rank + k] = static_cast<T>(static_cast<double>(padded[t * r + k]) * unscaled);
  }
}

template <class T>
void Activations<T>::Packed::model(const T* h, std::size_t count, std::size_t first, std::size_t last, T* out) const {
  T* memory_of_tile = thread_scratch<T>(memory());
  T *padded = memory_of_tile, *rows = padded + activations();
  const std::size_t freq = shape.freq, rank = shape.rank;
  for (std::size_t t = 0; t < count; ++t)
    for (std::size_t k = first; k < last; ++k)
      padded[t * shape.rank_stride + k] = static_cast<T>(static_cast<double>(h[t * rank + k]) / scale);
  kernels.model(shape, dictionary.view(), padded, count, first, last, rows);
  for (std::size_t t = 0; t < count; ++t) std::copy_n(rows + t * shape.freq_stride, freq, out + t * freq);
}

template <class T>
Activations<T>::Activations(const T* w, std::size_t freq, std::size_t rank, double beta, std::size_t iterations) {
  if (freq == 0 || rank == 0) throw std::invalid_argument("A dictionary needs frequencies and components.");
  packed_ = std::make_unique<const Packed>(w, freq, rank, beta, iterations);
}
template <class T>
Activations<T>::~Activations() = default;
template <class T>
Activations<T>::Activations(Activations&&) noexcept = default;

template <class T>
std::size_t Activations<T>::freq() const { return packed_->shape.freq; }
template <class T>
std::size_t Activations<T>::rank() const { return packed_->shape.rank; }
template <class T>
std::size_t Activations<T>::tile_frames() const { return packed_->kernels.tile_frames; }

template <class T>
void Activations<T>::fit(const T* v, std::size_t frames, T* h) const {
  const std::size_t tile = tile_frames();
  const auto work = [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t begin = i * tile, count = std::min(tile, frames - begin);
      packed_->fit(v + begin * freq(), count, h + begin * rank());
    }
  };
  if (frames <= tile) work(0, frames > 0 ? 1 : 0);
  else parallel_for((frames + tile - 1) / tile, 1, work);
}

template <class T>
void Activations<T>::model(const T* h, std::size_t frames, std::size_t first, std::size_t last, T* out) const {
  if (first > last || last > rank()) throw std::invalid_argument("The components must be among those of the dictionary.");
  for (std::size_t begin = 0; begin < frames; begin += tile_frames())
    packed_->model(h + begin * rank(), std::min(tile_frames(), frames - begin), first, last, out + begin * freq());
}

template class Activations<float>;
template class Activations<double>;

}  // namespace phasewise
