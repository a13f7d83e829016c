// What normalises an overlap-add: 1 / (sum of squared windows) by position, counted from the first sample of frame 0.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "phasewise/dispatch.hpp"

namespace phasewise {

template <class T>
class OverlapGain;

// The gains of one window and hop for any number of frames. The sum grows over the first n_fft - hop positions, repeats
// with the hop, and falls over the n_fft - hop positions after the last hop.
template <class T>
class OverlapGainTable {
 public:
  OverlapGainTable(const double* window, std::size_t n_fft, std::size_t hop);

 private:
  friend class OverlapGain<T>;
  T gain(double energy) const;
  // Gains at positions frames * hop + [first, first + count) of so few frames that the first ones are still felt there.
  void short_tail(std::size_t frames, std::size_t first, std::size_t count, T* out) const;

  std::size_t hop_, period_;
  double floor_;
  std::vector<double> squared_;
  std::vector<T> head_, body_, tail_;
};

// The gain of a number of frames. It refers to the table, which must outlive it.
template <class T>
class OverlapGain {
 public:
  static constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();

  OverlapGain(const OverlapGainTable<T>& table, std::size_t frames);
  // out[i] = in[i] gain(position + i); 0 where no frame reaches. out may be in.
  void apply(const TransformKernels<T>& kernels, std::size_t position, std::size_t count, const T* in, T* out) const;

 private:
  const OverlapGainTable<T>* table_;
  std::size_t frames_, body_end_, reach_;
};

}  // namespace phasewise
