// The loops that all transforms share: over the frames of a batch of signals, and over the samples of a batch of spectrograms.
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

// The loop over the samples of a batch of spectrograms that every synthesis shares. inverse(row, acc, fresh, scratch, memory) adds
// the samples of one frame, as TransformKernels::inverse_add does, with `memory_size` scalars of memory of its own. Returns
// whether one sample of every frame is finite: a bin that is not spoils them all.
template <class T, class Inverse>
bool overlap_add_all(const StftPlan<T>& plan, const Spectra<T>& spectra, std::size_t length, T* signal, std::size_t memory_size,
                     Inverse&& inverse) {
  const OverlapGain<T> gain = plan.gain(spectra.frames);
  const std::size_t fft = plan.frame().scratch(), tile = std::max(plan.n_fft(), 16 * plan.hop()), tiles = (length + tile - 1) / tile;
  std::atomic<bool> finite{true};
  parallel_for(spectra.batch * tiles, 1, [&](std::size_t begin, std::size_t end) {
    T* scratch = thread_scratch<T>(fft + memory_size + RowReader<T>::memory(spectra));
    T* memory = scratch + fft;
    RowReader<T> rows(spectra, memory + memory_size);
    bool good = true;
    while (begin < end) {
      const std::size_t b = begin / tiles, stop = std::min(end, (b + 1) * tiles);
      const std::size_t from = (begin - b * tiles) * tile, to = std::min(length, (stop - b * tiles) * tile);
      overlap_add(plan, gain, spectra.frames, plan.lead() + from, plan.lead() + to, signal + b * length + from,
                  [&](std::size_t t, T* acc, std::size_t fresh) {
                    inverse(rows(b, t), acc, fresh, scratch, memory);
                    good = std::isfinite(acc[plan.n_fft() - 1]) && good;
                  });
      begin = stop;
    }
    if (!good) finite.store(false, std::memory_order_relaxed);
  }, 4);
  return finite.load();
}

}  // namespace phasewise
