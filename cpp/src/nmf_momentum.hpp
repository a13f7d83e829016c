// Extrapolation between the iterations of a factorisation, with a guard that keeps its cost from rising.
//
// An iteration reads the factors z, leaves x, and the next one reads x (x / x')^m (x / z)^s, where x' is what the iteration
// before left: the steps of an optimised gradient method, of the logarithms of the factors. Where the new z costs more than
// the one before it, that iteration is undone and the next one reads x, as a plain one would; momentum and stride then grow
// anew. No update raises the cost, so x costs at most what z did, and neither rises.
#pragma once

#include <algorithm>
#include <limits>

#include "phasewise/aligned.hpp"
#include "phasewise/kernels/nmf_table.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {

// One factor that moves: its values are the caller's, of a size that vectors fill.
template <class T>
class MovingFactor {
 public:
  void resize(std::size_t n) { left_ = AlignedBuffer<T>(n), read_ = AlignedBuffer<T>(n); }

  void extrapolate(const NmfKernels<T>& kernels, const NmfRule<T>& rule, T* values, double momentum, double stride) {
    const std::size_t lanes = kernels.lanes;
    parallel_for(left_.size() / lanes, 2048, [&](std::size_t begin, std::size_t end) {
      kernels.extrapolate(rule, values + begin * lanes, left_.data() + begin * lanes, read_.data() + begin * lanes,
                          static_cast<T>(momentum), static_cast<T>(stride), (end - begin) * lanes);
    });
  }
  void keep_left(const T* values) { std::copy_n(values, left_.size(), left_.data()); }
  void keep_read(const T* values) { std::copy_n(values, read_.size(), read_.data()); }
  void restore(T* values) const { std::copy_n(left_.data(), left_.size(), values); }

 private:
  AlignedBuffer<T> left_, read_;  // x of the iteration before, z of this one
};

// When to extrapolate, and how far.
class Momentum {
 public:
  double momentum() const { return steps_ == 0 ? 0 : std::min(0.3 + 0.05 * steps_, 0.8); }
  double stride() const { return std::min(1 + 0.05 * steps_, 1.5); }
  // Whether the factors that an iteration reads are extrapolated: not the first, nor after a restart.
  bool moves() const { return ready_; }

  // Tells whether an iteration that read factors of this cost may stand.
  bool accept(double cost) {
    const bool moved = ready_;
    if (moved) ++steps_;
    ready_ = !moved || cost <= bound_;
    if (ready_) bound_ = cost;
    else steps_ = 0;
    return ready_;
  }

 private:
  double bound_ = std::numeric_limits<double>::infinity();
  int steps_ = 0;
  bool ready_ = false;
};

}  // namespace phasewise
