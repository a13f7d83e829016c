#include "phasewise/source_magnitudes.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

namespace phasewise {
namespace {

template <class T>
std::size_t rows_of(const SourceSpectra<T>& spectra) {
  std::size_t rows = spectra.edges.size() - 1;
  for (const FrameGroup& group : spectra.groups) rows += group.edges.size() - 1;
  return rows;
}

void check_edges(const std::vector<std::size_t>& edges, std::size_t bins) {
  if (edges.size() < 2 || edges.front() != 0 || edges.back() != bins || std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>()) != edges.end())
    throw std::invalid_argument("The edges of bands must rise from 0 to the number of bins.");
}

template <class T>
const SourceSpectra<T>& checked(const SourceSpectra<T>& spectra) {
  if (spectra.ranks.empty()) throw std::invalid_argument("A dictionary needs sources.");
  check_edges(spectra.edges, spectra.bins);
  for (const FrameGroup& group : spectra.groups) {
    check_edges(group.edges, spectra.bins);
    if (group.last < group.first) throw std::invalid_argument("A group of frames must not end before it starts.");
  }
  return spectra;
}

template <class T>
std::size_t rank_of(const SourceSpectra<T>& spectra) { return std::accumulate(spectra.ranks.begin(), spectra.ranks.end(), std::size_t{0}); }

}  // namespace

template <class T>
SourceMagnitudes<T>::SourceMagnitudes(const SourceSpectra<T>& spectra)
    : bins_(checked(spectra).bins), rows_(rows_of(spectra)), ranks_(spectra.ranks),
      activations_(spectra.w, rows_, rank_of(spectra), spectra.beta, spectra.iterations) {
  const std::size_t rank = activations_.rank(), tile = activations_.tile_frames();
  shares_.assign(spectra.shares, spectra.shares + rank);
  pool(spectra.edges);
  for (const FrameGroup& group : spectra.groups) {
    const T weight = static_cast<T>(group.weight / static_cast<double>(group.last - group.first + 1));
    groups_.push_back({group.first, group.last, weight, group.edges.size() - 1, pool(group.edges)});
    back_ = std::max(back_, static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, -group.first)));
    ahead_ = std::max(ahead_, static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, group.last)));
  }
  capacity_ = back_ + ahead_ + 1;
  ring_.resize(capacity_ * held_rows_);
  frames_.resize(tile * rows_);
  h_.resize(tile * rank);
  model_.resize(tile * rows_);
}

template <class T>
std::size_t SourceMagnitudes<T>::pool(const std::vector<std::size_t>& edges) {
  for (const Pool& known : pools_)
    if (known.edges == edges) return known.offset;
  pools_.push_back({edges, held_rows_});
  held_rows_ += edges.size() - 1;
  return pools_.back().offset;
}

template <class T>
void SourceMagnitudes<T>::hold(const T* v) {
  T* row = ring_.data() + received_ % capacity_ * held_rows_;
  for (const Pool& pool : pools_)
    for (std::size_t b = 0; b + 1 < pool.edges.size(); ++b)
      row[pool.offset + b] = std::accumulate(v + pool.edges[b], v + pool.edges[b + 1], T(0));
  ++received_;
}

template <class T>
void SourceMagnitudes<T>::gather(std::size_t end) {
  T* row = frames_.data() + batch_ * rows_;
  row = std::copy_n(held(next_), pools_[0].edges.size() - 1, row);
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(next_), stop = static_cast<std::ptrdiff_t>(end);
  for (const Group& group : groups_) {
    std::fill_n(row, group.bands, T(0));
    for (std::ptrdiff_t t = std::max<std::ptrdiff_t>(0, at + group.first); t <= std::min(at + group.last, stop - 1); ++t) {
      const T* sums = held(static_cast<std::size_t>(t)) + group.offset;
      for (std::size_t b = 0; b < group.bands; ++b) row[b] += sums[b];
    }
    for (std::size_t b = 0; b < group.bands; ++b) row[b] *= group.weight;
    row += group.bands;
  }
  ++next_;
  ++batch_;
}

template <class T>
void SourceMagnitudes<T>::explain(T* out, std::size_t count) {
  const std::size_t rank = activations_.rank();
  for (std::size_t t = 0; t < batch_; ++t) {
    const T* row = frames_.data() + t * rows_;
    const double total = std::accumulate(row, row + rows_, 0.0);
    for (std::size_t k = 0; k < rank; ++k) h_[t * rank + k] = static_cast<T>(total * static_cast<double>(shares_[k]));
  }
  activations_.fit(frames_.data(), batch_, h_.data());
  const std::vector<std::size_t>& edges = pools_[0].edges;
  std::size_t first = 0;
  for (std::size_t j = 0; j < sources(); first += ranks_[j], ++j) {
    activations_.model(h_.data(), batch_, first, first + ranks_[j], model_.data());
    for (std::size_t t = 0; t < batch_; ++t) {
      const T* sums = model_.data() + t * rows_;
      T* magnitudes = out + (j * count + t) * bins_;
      for (std::size_t b = 0; b + 1 < edges.size(); ++b)
        std::fill(magnitudes + edges[b], magnitudes + edges[b + 1], sums[b] / static_cast<T>(edges[b + 1] - edges[b]));
    }
  }
  batch_ = 0;
}

template <class T>
void SourceMagnitudes<T>::push(const T* v, std::size_t frames, T* out) {
  const std::size_t count = this->frames(frames), tile = activations_.tile_frames();
  for (std::size_t i = 0; i < frames; ++i) {
    hold(v + i * bins_);
    if (next_ < ready(received_)) gather(received_);
    if (batch_ == tile || (i + 1 == frames && batch_ > 0)) {
      const std::size_t done = batch_;
      explain(out, count);
      out += done * bins_;
    }
  }
}

template <class T>
void SourceMagnitudes<T>::flush(T* out) {
  const std::size_t count = flush_frames(), tile = activations_.tile_frames();
  while (next_ < received_) {
    gather(received_);
    if (batch_ == tile || next_ == received_) {
      const std::size_t done = batch_;
      explain(out, count);
      out += done * bins_;
    }
  }
  reset();
}

template <class T>
void SourceMagnitudes<T>::reset() { received_ = next_ = batch_ = 0; }

template class SourceMagnitudes<float>;
template class SourceMagnitudes<double>;

}  // namespace phasewise
