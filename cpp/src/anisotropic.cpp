#include "phasewise/anisotropic.hpp"

#include <algorithm>

#include "frame_starts.hpp"
#include "phasewise/aligned.hpp"
#include "phasewise/prior_moments.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

template <class T>
class AnisotropicRun {
 public:
  explicit AnisotropicRun(const AnisotropicWiener<T>& problem)
      : p_(problem),
        phase_kernels_(phase_kernels<T>(active_isa())),
        kernels_(filter_kernels<T>(active_isa())),
        blocks_((p_.bins + block_bins - 1) / block_bins),
        starts_(p_, phase_kernels_),
        moments_(p_.concentrations, p_.sources) {}

  void run(const std::function<void()>& between) {
    for (std::size_t begin = 0; begin < p_.frames; begin += starts_.frames_at_once()) {
      between();
      const std::size_t end = std::min(p_.frames, begin + starts_.frames_at_once());
      starts_.analyze(begin, end);
      parallel_for(p_.batch * blocks_, 1, [&](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i < last; ++i) walk(i / blocks_, i % blocks_, begin, end);
      });
    }
  }

 private:
  static constexpr std::size_t block_bins = FrameStarts<T, AnisotropicWiener<T>>::block_bins;

  // Takes the bins of a block through frames begin..end-1.
  void walk(std::size_t b, std::size_t block, std::size_t begin, std::size_t end) {
    const std::size_t first = block * block_bins, count = std::min(block_bins, p_.bins - first);
    T* scratch = thread_scratch<T>(starts_.memory() + 5 * p_.sources * kernels_.bins_at_once);
    std::vector<PhaseStart> starts(p_.sources);

    AnisotropicBlock<T> task{};
    task.sources = p_.sources;
    task.bins = count;
    task.stride = p_.frames * p_.bins;
    task.mean = moments_.mean.data();
    task.variance = moments_.variance.data();
    task.relation = moments_.relation.data();
    task.circular = moments_.circular;
    starts_.point(task, b, first, scratch, starts.data());
    task.scratch = scratch + starts_.memory();
    for (std::size_t t = begin; t < end; ++t) {
      starts_.prepare(b, t, first, count, scratch, starts.data());
      const std::size_t offset = (b * p_.sources * p_.frames + t) * p_.bins + first;
      task.mixture = p_.mixture + 2 * ((b * p_.frames + t) * p_.bins + first);
      task.magnitudes = p_.magnitudes + offset;
      task.out = p_.estimate + 2 * offset;
      task.prior = p_.prior != nullptr ? p_.prior + 2 * offset : nullptr;
      if (p_.variance != nullptr) {
        task.posterior_variance = p_.variance + offset;
        task.posterior_relation = p_.relation + 2 * offset;
      }
      kernels_.anisotropic(task);
    }
  }

  const AnisotropicWiener<T>& p_;
  const PhaseKernels<T>& phase_kernels_;
  const FilterKernels<T>& kernels_;
  std::size_t blocks_;
  FrameStarts<T, AnisotropicWiener<T>> starts_;
  PriorMoments<T> moments_;
};

}  // namespace

template <class T>
void anisotropic_wiener(const AnisotropicWiener<T>& problem, const std::function<void()>& between) {
  AnisotropicRun<T>(problem).run(between);
}

template void anisotropic_wiener<float>(const AnisotropicWiener<float>&, const std::function<void()>&);
template void anisotropic_wiener<double>(const AnisotropicWiener<double>&, const std::function<void()>&);

}  // namespace phasewise
