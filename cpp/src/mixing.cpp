#include "phasewise/mixing.hpp"

#include <algorithm>

#include "phasewise/aligned.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

// Ranges of bins that one thread takes through the frames; a multiple of every mixing_tile.
constexpr std::size_t block_bins = 128;
// Turns are written by whole groups, beyond the end of a region and of a range.
constexpr std::size_t group = 8, turn_stride = block_bins + group;
constexpr double two_pi = 6.283185307179586476925286766559;

template <class T>
class MixingRun {
 public:
  explicit MixingRun(const Mixing<T>& problem)
      : p_(problem),
        kernels_(phase_kernels<T>(active_isa())),
        blocks_((p_.bins + block_bins - 1) / block_bins),
        table_(p_.hop > 0 ? p_.batch * p_.sources : 0, p_.frames, p_.bins, p_.n_fft, p_.hop, true),
        phasors_(2 * p_.batch * p_.sources * p_.bins),
        bin_weights_(p_.bins, 2.0),
        cost_(p_.cost != nullptr ? p_.batch * blocks_ * p_.n_iter : 0) {
    bin_weights_[0] = 1;
    if (p_.n_fft % 2 == 0) bin_weights_[p_.bins - 1] = 1;
  }

  void run(const std::function<void()>& between) {
    for (std::size_t begin = 0; begin < p_.frames; begin += table_.frames_at_once()) {
      between();
      const std::size_t end = std::min(p_.frames, begin + table_.frames_at_once());
      if (p_.hop > 0) table_.analyze(p_.magnitudes, begin, end);
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
  // Takes the bins of a block through frames begin..end-1.
  void walk(std::size_t b, std::size_t block, std::size_t begin, std::size_t end) {
    const std::size_t first = block * block_bins, count = std::min(block_bins, p_.bins - first);
    const std::size_t tile = kernels_.mixing_tile;
    T* scratch = thread_scratch<T>(2 * p_.sources * turn_stride + 7 * p_.sources * tile);
    std::vector<double> lane_cost(p_.cost != nullptr ? p_.n_iter * tile : 0);
    std::vector<PhaseStart> starts(p_.sources);

    MixingBlock<T> task{};
    task.sources = p_.sources;
    task.bins = count;
    task.weighting = p_.weighting;
    task.stride = p_.frames * p_.bins;
    task.refresh = p_.refresh;
    task.n_iter = p_.n_iter;
    task.re = phasors_.data() + b * p_.sources * p_.bins + first;
    task.im = task.re + p_.batch * p_.sources * p_.bins;
    task.state_stride = p_.bins;
    task.turn_stride = turn_stride;
    T* turn_re = scratch;
    T* turn_im = scratch + p_.sources * turn_stride;
    task.turn_re = turn_re;
    task.turn_im = turn_im;
    task.starts = starts.data();
    task.bin_weights = bin_weights_.data() + first;
    task.cost = p_.cost != nullptr ? cost_.data() + (b * blocks_ + block) * p_.n_iter : nullptr;
    task.scratch = scratch + 2 * p_.sources * turn_stride;
    task.anchor = p_.anchor;
    task.lane_cost = lane_cost.data();

    for (std::size_t t = begin; t < end; ++t) {
      for (std::size_t j = 0; j < p_.sources; ++j) {
        const std::size_t row = b * p_.sources + j;
        const bool restart = t == 0 || (p_.onsets != nullptr && p_.onsets[row * p_.frames + t] != 0);
        if (!restart && p_.hop > 0) {
          starts[j] = PhaseStart::turned;
          T *re = turn_re + j * turn_stride, *im = turn_im + j * turn_stride;
          table_.for_each(row, t, first, first + count, [&](std::size_t from, std::size_t to, std::size_t region) {
            const T turn_to_re = table_.turn_re(region), turn_to_im = table_.turn_im(region);
            for (std::size_t k = from - first; k < to - first; k += group)
              for (std::size_t i = 0; i < group; ++i) {
                re[k + i] = turn_to_re;
                im[k + i] = turn_to_im;
              }
          });
        } else {
          starts[j] = given(restart ? p_.onset_phase : p_.start_phase, (row * p_.frames + t) * p_.bins + first, count,
                            task.re + j * p_.bins, task.im + j * p_.bins);
        }
      }
      task.mixture = p_.mixture + 2 * ((b * p_.frames + t) * p_.bins + first);
      const std::size_t offset = (b * p_.sources * p_.frames + t) * p_.bins + first;
      task.magnitudes = p_.magnitudes + offset;
      task.weights = p_.weights != nullptr ? p_.weights + offset : nullptr;
      task.out = p_.estimate + 2 * offset;
      kernels_.mixing(task);
    }
  }

  PhaseStart given(const PhaseArray<T>& phase, std::size_t offset, std::size_t count, T* re, T* im) const {
    if (phase.values == nullptr) return PhaseStart::mixture;
    if (phase.complex) {
      kernels_.phasors(phase.values + 2 * offset, re, im, count);
    } else {
      double cycles[block_bins];
      for (std::size_t k = 0; k < count; ++k) cycles[k] = static_cast<double>(phase.values[offset + k]) / two_pi;
      kernels_.turns(cycles, re, im, count);
    }
    return PhaseStart::state;
  }

  const Mixing<T>& p_;
  const PhaseKernels<T>& kernels_;
  std::size_t blocks_;
  RegionTable<T> table_;
  AlignedBuffer<T> phasors_;
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
