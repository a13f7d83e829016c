#include "phasewise/multichannel.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

// A power of two that brings values of this size near 1.
template <class T>
T scale_for(T largest) {
  if (!(largest > 0)) return T(1);
  int exponent = 0;
  std::frexp(largest, &exponent);
  constexpr int limit = sizeof(T) == 4 ? 120 : 1000;
  return std::ldexp(T(1), -std::clamp(exponent, -limit, limit));
}

// One item of the batch. Frames are cut into stretches with sums of their own, added in their order: their number depends on the
// shape alone, never on the threads.
template <class T>
class MultichannelRun {
 public:
  MultichannelRun(const MultichannelWiener<T>& p, std::size_t item)
      : p_(p),
        kernels_(multichannel_kernels<T>(active_isa())),
        padded_((p.bins + 15) / 16 * 16),
        blocks_((p.bins + block_bins - 1) / block_bins),
        stretch_(std::max<std::size_t>(16, (p.frames + 63) / 64)),
        stretches_((p.frames + stretch_ - 1) / stretch_),
        entries_(p.sources * p.channels * p.channels),
        mixture_(p.mixture + 2 * item * p.channels * p.frames * p.bins),
        estimate_(p.estimate + 2 * item * p.channels * p.sources * p.frames * p.bins),
        cost_(p.cost != nullptr ? p.cost + item * static_cast<std::size_t>(p.n_iter) : nullptr),
        powers_(p.frames * p.sources * padded_),
        covariances_((entries_ + 1) * padded_),
        sums_(stretches_ * sum_rows() * padded_),
        costs_(stretches_ * blocks_) {}

  void run(const std::function<void()>& between) {
    find_scale();
    sweep([&](MultichannelBlock<T>& block, double&) { kernels_.start(block); });
    for (int i = 0; i < p_.n_iter; ++i) {
      between();
      renew(i == 0);
      const bool last = i + 1 == p_.n_iter;
      sweep([&](MultichannelBlock<T>& block, double& cost) {
        block.write = last;
        cost += kernels_.step(block);
      });
      if (cost_ == nullptr) continue;
      cost_[i] = 0;
      for (const double cost : costs_) cost_[i] += cost;
    }
  }

 private:
  static constexpr std::size_t block_bins = 256;

  std::size_t sum_rows() const { return entries_ + p_.sources + 1; }  // sums, weights, energy

  void find_scale() {
    const std::size_t size = 2 * p_.frames * p_.bins;
    std::vector<T> largest(p_.channels);
    parallel_for(p_.channels, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t c = begin; c < end; ++c)
        for (std::size_t i = 0; i < size; ++i) largest[c] = std::max(largest[c], std::abs(mixture_[c * size + i]));
    });
    scale_ = scale_for(*std::max_element(largest.begin(), largest.end()));
  }

  // f(block, cost) for every frame of every block of bins.
  template <class F>
  void sweep(F&& f) {
    parallel_for(stretches_ * blocks_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t task = begin; task < end; ++task) {
        const std::size_t stretch = task / blocks_, first = task % blocks_ * block_bins, count = std::min(block_bins, p_.bins - first);
        T* sums = sums_.data() + stretch * sum_rows() * padded_ + first;
        for (std::size_t i = 0; i < sum_rows(); ++i) std::fill_n(sums + i * padded_, (count + 15) / 16 * 16, T(0));
        MultichannelBlock<T> block{};
        block.channels = p_.channels;
        block.sources = p_.sources;
        block.bins = count;
        block.mixture_channel = 2 * p_.frames * p_.bins;
        block.estimate_source = block.mixture_channel;
        block.estimate_channel = p_.sources * block.estimate_source;
        block.scale = scale_;
        block.log_scale = 2 * std::log(scale_);
        block.row = padded_;
        block.covariances = covariances_.data() + first;
        block.noise = covariances_.data() + entries_ * padded_ + first;
        block.sums = sums;
        block.weights = sums + entries_ * padded_;
        block.energy = block.weights + p_.sources * padded_;
        block.posterior = p_.posterior;
        block.likelihood = cost_ != nullptr;
        costs_[task] = 0;
        for (std::size_t t = stretch * stretch_; t < std::min(p_.frames, (stretch + 1) * stretch_); ++t) {
          block.mixture = mixture_ + 2 * (t * p_.bins + first);
          block.estimate = estimate_ + 2 * (t * p_.bins + first);
          block.powers = powers_.data() + t * p_.sources * padded_ + first;
          f(block, costs_[task]);
        }
      }
    });
  }

  // Covariances from the sums of all stretches, and at first the noise. Sources that are silent in a frequency get 1.
  void renew(bool first) {
    const std::size_t square = p_.channels * p_.channels;
    parallel_for(p_.sources + 1, 1, [&](std::size_t begin, std::size_t end) {
      std::vector<T> weight(padded_);
      for (std::size_t j = begin; j < end; ++j) {
        if (j == p_.sources) {
          if (!first) continue;
          T* noise = covariances_.data() + entries_ * padded_;
          add_up(entries_ + p_.sources, noise);
          const T share = static_cast<T>(p_.noise / static_cast<double>(p_.channels * p_.frames));
          for (std::size_t k = 0; k < padded_; ++k) noise[k] *= share;
          continue;
        }
        add_up(entries_ + j, weight.data());
        for (std::size_t e = 0; e < square; ++e) {
          T* row = covariances_.data() + (j * square + e) * padded_;
          add_up(j * square + e, row);
          for (std::size_t k = 0; k < padded_; ++k) row[k] = weight[k] > 0 ? row[k] / weight[k] : e < p_.channels ? T(1) : T(0);
        }
      }
    });
  }
  void add_up(std::size_t i, T* out) const {
    std::copy_n(sums_.data() + i * padded_, p_.bins, out);
    std::fill(out + p_.bins, out + padded_, T(0));
    for (std::size_t s = 1; s < stretches_; ++s) {
      const T* sums = sums_.data() + (s * sum_rows() + i) * padded_;
      for (std::size_t k = 0; k < p_.bins; ++k) out[k] += sums[k];
    }
  }

  const MultichannelWiener<T>& p_;
  const MultichannelKernels<T>& kernels_;
  std::size_t padded_, blocks_, stretch_, stretches_, entries_;
  const T* mixture_;
  T* estimate_;
  double* cost_;
  T scale_ = 1;
  AlignedBuffer<T> powers_;       // (frames, sources, padded)
  AlignedBuffer<T> covariances_;  // (sources, channels^2, padded), and the noise
  AlignedBuffer<T> sums_;         // (stretches, sum_rows, padded)
  std::vector<double> costs_;
};

}  // namespace

template <class T>
void multichannel_wiener(const MultichannelWiener<T>& problem, const std::function<void()>& between) {
  if (problem.channels > most_channels) throw std::invalid_argument("too many channels");
  if (problem.n_iter < 1) return;
  for (std::size_t item = 0; item < problem.batch; ++item) MultichannelRun<T>(problem, item).run(between);
}

template void multichannel_wiener<float>(const MultichannelWiener<float>&, const std::function<void()>&);
template void multichannel_wiener<double>(const MultichannelWiener<double>&, const std::function<void()>&);

}  // namespace phasewise
