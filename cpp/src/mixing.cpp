#include "phasewise/mixing.hpp"

#include <algorithm>

#include "frame_starts.hpp"
#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

template <class T>
class MixingRun {
 public:
  explicit MixingRun(const Mixing<T>& problem)
      : p_(problem),
        kernels_(phase_kernels<T>(active_isa())),
        blocks_((p_.bins + block_bins - 1) / block_bins),
        starts_(p_, kernels_),
        bin_weights_(p_.bins, 2.0),
        cost_(p_.cost != nullptr ? p_.batch * blocks_ * p_.n_iter : 0) {
    bin_weights_[0] = 1;
    if (p_.n_fft % 2 == 0) bin_weights_[p_.bins - 1] = 1;
  }

  void run(const std::function<void()>& between) {
    for (std::size_t begin = 0; begin < p_.frames; begin += starts_.frames_at_once()) {
      between();
      const std::size_t end = std::min(p_.frames, begin + starts_.frames_at_once());
      starts_.analyze(begin, end);
      parallel_for(p_.batch * blocks_, 1, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) walk(i / blocks_, i % blocks_, begin, end);
      });
    }
    if (p_.cost == nullptr) return;
    for (std::size_t b = 0; b < p_.batch; ++b)
      for (std::size_t i = 0; i < p_.n_iter; ++i) {
        double total = 0;
        for (std::size_t block = 0; block < blocks_; ++block) total += cost_[(b * blocks_ + block) * p_.n_iter + i];
        p_.cost[b * p_.n_iter + i] = total;
      }
  }

 private:
  static constexpr std::size_t block_bins = FrameStarts<T, Mixing<T>>::block_bins;

  // Takes the bins of a block through frames begin..end-1.
  void walk(std::size_t b, std::size_t block, std::size_t begin, std::size_t end) {
    const std::size_t first = block * block_bins, count = std::min(block_bins, p_.bins - first);
    const std::size_t tile = kernels_.mixing_tile;
    T* scratch = thread_scratch<T>(starts_.memory() + 7 * p_.sources * tile);
    std::vector<double> lane_cost(p_.cost != nullptr ? p_.n_iter * tile : 0);
    std::vector<PhaseStart> starts(p_.sources);

    MixingBlock<T> task{};
    task.sources = p_.sources;
    task.bins = count;
    task.weighting = p_.weighting;
    task.stride = p_.frames * p_.bins;
    task.refresh = p_.refresh;
    task.n_iter = p_.n_iter;
    starts_.point(task, b, first, scratch, starts.data());
    task.bin_weights = bin_weights_.data() + first;
    task.cost = p_.cost != nullptr ? cost_.data() + (b * blocks_ + block) * p_.n_iter : nullptr;
    task.scratch = scratch + starts_.memory();
    task.anchor = p_.anchor;
    task.lane_cost = lane_cost.data();

    for (std::size_t t = begin; t < end; ++t) {
      starts_.prepare(b, t, first, count, scratch, starts.data());
      task.mixture = p_.mixture + 2 * ((b * p_.frames + t) * p_.bins + first);
      const std::size_t offset = (b * p_.sources * p_.frames + t) * p_.bins + first;
      task.magnitudes = p_.magnitudes + offset;
      task.weights = p_.weights != nullptr ? p_.weights + offset : nullptr;
      task.out = p_.estimate + 2 * offset;
      kernels_.mixing(task);
    }
  }

  const Mixing<T>& p_;
  const PhaseKernels<T>& kernels_;
  std::size_t blocks_;
  FrameStarts<T, Mixing<T>> starts_;
  std::vector<double> bin_weights_;
  std::vector<double> cost_;  // (batch, blocks, n_iter): every range of bins sums its own
};

}  // namespace

template <class T>
void mixing_iterations(const Mixing<T>& problem, const std::function<void()>& between) {
  MixingRun<T>(problem).run(between);
}

template void mixing_iterations<float>(const Mixing<float>&, const std::function<void()>&);
template void mixing_iterations<double>(const Mixing<double>&, const std::function<void()>&);

}  // namespace phasewise
