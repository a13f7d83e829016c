#include "phasewise/phase_model.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"
#include "phasewise/von_mises.hpp"

namespace phasewise {
namespace {

// One item of the batch. The phases are recursive in time, so blocks of bins go through the frames one after the other.
template <class T>
class ModelRun {
 public:
  ModelRun(const PhaseModel<T>& p, std::size_t item)
      : p_(p),
        kernels_(phase_model_kernels<T>(active_isa())),
        gemm_(gemm_kernels<T>(active_isa())),
        blocks_((p.bins + block_bins - 1) / block_bins),
        mixture_(p.mixture + 2 * item * p.frames * p.bins),
        levels_(p.levels + item * size()),
        phasors_(p.phasors + 2 * item * size()),
        turns_(p.turns + 2 * item * size()),
        w_(p.w != nullptr ? p.w + item * p.sources * p.bins * p.rank : nullptr),
        h_(p.w != nullptr ? p.h + item * p.sources * p.frames * p.rank : nullptr),
        estimate_(p.estimate + 2 * item * size()),
        cost_(p.cost != nullptr ? p.cost + item * static_cast<std::size_t>(p.n_iter) : nullptr),
        numerator_(p.w != nullptr ? size() : 0),
        denominator_(p.w != nullptr ? size() : 0) {
    if (!p.euclidean) {
      for (std::size_t j = 0; j < p.sources; ++j) moments(p.concentrations[j]);
    }
  }

  void run(const std::function<void()>& between) {
    find_floor();
    if (w_ != nullptr) multiply();
    raise(levels_, size());
    for (int i = 0; i < p_.n_iter; ++i) {
      between();
      sweep(true);
      if (w_ != nullptr) {
        renew(h_, p_.frames);
        if (p_.update_w) {
          multiply();
          sweep(true);
          renew(w_, p_.bins);
        }
        multiply();
      }
      if (cost_ != nullptr) cost_[i] = cost();
    }
    sweep(false);
  }

 private:
  static constexpr std::size_t block_bins = 128, block_rows = 64;

  std::size_t size() const { return p_.sources * p_.frames * p_.bins; }

  // Rayleigh distributed magnitudes, independent of the phases: E |S| is sqrt(pi)/2 of the root of the power.
  void moments(double kappa) {
    constexpr double rayleigh = 0.78539816339744830961566084581988;  // pi/4
    const VonMises phase = von_mises(kappa);
    const double mean = std::sqrt(rayleigh) * phase.mean, second = phase.mean * phase.mean + phase.radial - phase.tangential;
    mean_.push_back(static_cast<T>(mean));
    variance_.push_back(static_cast<T>(1 - mean * mean));
    relation_.push_back(static_cast<T>(second - mean * mean));
  }

  // Levels far below those of the mixture would leave nothing to divide by.
  void find_floor() {
    if (p_.euclidean) return;
    double total = 0;
    for (std::size_t i = 0; i < 2 * p_.frames * p_.bins; ++i) total += static_cast<double>(mixture_[i]) * static_cast<double>(mixture_[i]);
    constexpr double share = 1e-20, smallest = sizeof(T) == 4 ? 1e-30 : 1e-200;
    floor_ = static_cast<T>(std::max(share * total / static_cast<double>(p_.frames * p_.bins), smallest));
  }
  void raise(T* values, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) values[i] = std::max(values[i], floor_);
  }

  PhaseModelBlock<T> block_at(std::size_t t, std::size_t first, std::size_t count) const {
    const std::size_t offset = t * p_.bins + first;
    PhaseModelBlock<T> b{};
    b.sources = p_.sources;
    b.bins = count;
    b.stride = p_.frames * p_.bins;
    b.mixture = mixture_ + 2 * offset;
    b.levels = levels_ + offset;
    b.phasors = phasors_ + 2 * offset;
    b.coupling = static_cast<T>(p_.coupling);
    b.mean = mean_.data();
    b.variance = variance_.data();
    b.relation = relation_.data();
    b.posterior = p_.posterior;
    if (p_.coupling > 0 && t > 0) {
      b.before = b.phasors - 2 * p_.bins;
      b.turns = turns_ + 2 * offset;
    }
    if (p_.coupling > 0 && t + 1 < p_.frames) {
      b.after = b.phasors + 2 * p_.bins;
      b.next_turns = turns_ + 2 * (offset + p_.bins);
      b.next_mixture = b.mixture + 2 * p_.bins;
    }
    return b;
  }
  template <class F>
  void for_each_block(F&& f) const {
    parallel_for(blocks_, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t first = i * block_bins;
        for (std::size_t t = 0; t < p_.frames; ++t) f(i, block_at(t, first, std::min(block_bins, p_.bins - first)), t * p_.bins + first);
      }
    });
  }

  // Renews the phases and collects what the levels need, or makes the estimates.
  void sweep(bool learn) {
    for_each_block([&](std::size_t, PhaseModelBlock<T> b, std::size_t offset) {
      b.renew = learn;
      if (!learn) {
        b.estimate = estimate_ + 2 * offset;
      } else if (w_ != nullptr) {
        b.numerator = numerator_.data() + offset;
        b.denominator = denominator_.data() + offset;
      } else if (p_.free_levels) {
        b.free = levels_ + offset;
      }
      if (p_.euclidean) kernels_.euclidean(b);
      else kernels_.gaussian(b);
    });
    if (learn && p_.free_levels) raise(levels_, size());
  }

  double cost() const {
    std::vector<double> costs(blocks_);
    for_each_block([&](std::size_t i, const PhaseModelBlock<T>& b, std::size_t) {
      costs[i] += p_.euclidean ? kernels_.euclidean_cost(b) : kernels_.gaussian_cost(b);
    });
    double total = 0;
    for (const double part : costs) total += part;
    return total;
  }

  // f(source, first row, rows) for blocks of rows of all sources.
  template <class F>
  void for_each_rows(std::size_t rows, F&& f) const {
    const std::size_t count = (rows + block_rows - 1) / block_rows;
    parallel_for(p_.sources * count, 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t first = i % count * block_rows;
        f(i / count, first, std::min(block_rows, rows - first));
      }
    });
  }

  // levels = H W^T
  void multiply() {
    for_each_rows(p_.frames, [&](std::size_t j, std::size_t first, std::size_t rows) {
      T* out = levels_ + (j * p_.frames + first) * p_.bins;
      gemm_.times_transposed(h_ + (j * p_.frames + first) * p_.rank, rows, p_.rank, p_.rank, w_ + j * p_.bins * p_.rank, p_.bins, p_.rank, out, p_.bins);
      raise(out, rows * p_.bins);
    });
  }

  // One factor (rows, rank) times what the statistics and the other factor ask for.
  void renew(T* factor, std::size_t rows) {
    const bool activations = factor == h_;
    for_each_rows(rows, [&](std::size_t j, std::size_t first, std::size_t count) {
      T* up = thread_scratch<T>(2 * block_rows * p_.rank);
      T* down = up + block_rows * p_.rank;
      const T *a = numerator_.data() + j * p_.frames * p_.bins, *b = denominator_.data() + j * p_.frames * p_.bins;
      const std::size_t rank = p_.rank;
      if (activations) {
        const T* other = w_ + j * p_.bins * rank;
        gemm_.times(a + first * p_.bins, count, p_.bins, p_.bins, other, rank, rank, up, rank);
        gemm_.times(b + first * p_.bins, count, p_.bins, p_.bins, other, rank, rank, down, rank);
      } else {
        const T* other = h_ + j * p_.frames * rank;
        gemm_.transposed_times(a + first, count, p_.frames, p_.bins, other, rank, rank, up, rank);
        gemm_.transposed_times(b + first, count, p_.frames, p_.bins, other, rank, rank, down, rank);
      }
      T* x = factor + (j * rows + first) * rank;
      for (std::size_t i = 0; i < count * rank; ++i) {
        const T ratio = down[i] > 0 ? up[i] / down[i] : T(0);
        x[i] *= p_.euclidean ? ratio : std::sqrt(ratio);
      }
    });
  }

  const PhaseModel<T>& p_;
  const PhaseModelKernels<T>& kernels_;
  const GemmKernels<T>& gemm_;
  std::size_t blocks_;
  const T* mixture_;
  T *levels_, *phasors_;
  const T* turns_;
  T *w_, *h_, *estimate_;
  double* cost_;
  AlignedBuffer<T> numerator_, denominator_;  // (sources, frames, bins)
  std::vector<T> mean_, variance_, relation_;
  T floor_ = 0;
};

}  // namespace

template <class T>
void phase_model(const PhaseModel<T>& problem, const std::function<void()>& between) {
  for (std::size_t item = 0; item < problem.batch; ++item) ModelRun<T>(problem, item).run(between);
}

template void phase_model<float>(const PhaseModel<float>&, const std::function<void()>&);
template void phase_model<double>(const PhaseModel<double>&, const std::function<void()>&);

}  // namespace phasewise
