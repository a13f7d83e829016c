// The loop over the frames of a batch of signals that every analysis shares.
#pragma once

#include <atomic>
#include <cmath>

#include "phasewise/threads.hpp"
#include "readers.hpp"

namespace phasewise {

// Larger results are written past the caches: reading a line only to overwrite it would cost as much as the transform.
constexpr std::size_t streaming_bytes = std::size_t{4} << 20;

// transform(task, b, t, row, scratch) fills the `width` scalars of frame t of signal b and returns one value of its spectrum;
// make_task(memory) gives every thread's range a task with `memory_size` scalars of its own. Returns whether those values are
// finite: a sample that is not spoils all bins of its frame.
template <class T, class MakeTask, class Transform>
bool for_each_frame(const StftPlan<T>& plan, std::size_t batch, std::size_t frames, T* out, std::size_t width, std::size_t memory_size,
                    MakeTask&& make_task, Transform&& transform) {
  constexpr std::size_t frames_per_task = 8;
  const TransformKernels<T>& kernels = plan.frame().kernels();
  const std::size_t fft = plan.frame().scratch(), row_size = (width + 15) / 16 * 16;
  const bool streaming = batch * frames * width * sizeof(T) > streaming_bytes;
  std::atomic<bool> finite{true};
  parallel_for(batch * frames, frames_per_task, [&](std::size_t begin, std::size_t end) {
    T* scratch = thread_scratch<T>(fft + row_size + memory_size);
    T* row = scratch + fft + memory_size;
    auto task = make_task(scratch + fft);
    bool good = true;
    for (std::size_t i = begin; i < end; ++i) {
      T* to = streaming ? row : out + i * width;
      good = std::isfinite(transform(task, i / frames, i % frames, to, scratch)) && good;
      if (streaming) kernels.stream(row, out + i * width, width);
    }
    if (streaming) kernels.stream_fence();
    if (!good) finite.store(false, std::memory_order_relaxed);
  }, 8);
  return finite.load();
}

}  // namespace phasewise
