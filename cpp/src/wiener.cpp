#include "phasewise/wiener.hpp"

#include "phasewise/threads.hpp"

namespace phasewise {

template <class T>
void wiener(const Wiener<T>& p) {
  constexpr std::size_t frames_per_task = 8;
  const PhaseKernels<T>& kernels = phase_kernels<T>(active_isa());
  parallel_for(p.batch * p.frames, frames_per_task, [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      const std::size_t b = i / p.frames, t = i % p.frames, offset = (b * p.sources * p.frames + t) * p.bins;
      WienerBlock<T> task{};
      task.sources = p.sources;
      task.bins = p.bins;
      task.mixture = p.mixture + 2 * i * p.bins;
      task.magnitudes = p.magnitudes + offset;
      task.weighting = p.weighting;
      task.weights = p.weights != nullptr ? p.weights + offset : nullptr;
      task.stride = p.frames * p.bins;
      task.out = p.estimate + 2 * offset;
      kernels.wiener(task);
    }
  });
}

template void wiener<float>(const Wiener<float>&);
template void wiener<double>(const Wiener<double>&);

}  // namespace phasewise
