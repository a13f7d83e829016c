// Implementation of overlap_add; included by stft.hpp.
#pragma once

#include <algorithm>
#include <cstring>

namespace phasewise {

// Frames that do not overlap, zeros between them: memory for one frame, whatever the hop.
template <class T, class Gain, class AddFrame>
void place_frames(const StftPlan<T>& plan, const Gain& gain, std::size_t frames, std::size_t first, std::size_t last, T* out,
                  AddFrame& add_frame) {
  const std::size_t n = plan.n_fft(), hop = plan.hop();
  AlignedBuffer<T> frame(n);
  std::size_t written = first;
  for (std::size_t t = first < n ? 0 : (first - n) / hop + 1; t < frames && t * hop < last; ++t) {
    const std::size_t begin = std::max(first, t * hop), end = std::min(last, t * hop + n);
    if (begin >= end) continue;
    std::fill(frame.data(), frame.data() + n, T(0));
    add_frame(t, frame.data());
    std::fill(out + (written - first), out + (begin - first), T(0));
    gain.apply(plan.frame().kernels(), begin, end - begin, frame.data() + (begin - t * hop), out + (begin - first));
    written = end;
  }
  std::fill(out + (written - first), out + (last - first), T(0));
}

template <class T, class Gain, class AddFrame>
void overlap_add(const StftPlan<T>& plan, const Gain& gain, std::size_t frames, std::size_t first, std::size_t last, T* out,
                 AddFrame&& add_frame) {
  if (first >= last) return;
  const std::size_t n = plan.n_fft(), hop = plan.hop();
  if (hop >= n) return place_frames(plan, gain, frames, first, last, out, add_frame);
  const std::size_t block = std::max<std::size_t>(1, std::min<std::size_t>(16, 16384 / hop));
  AlignedBuffer<T> memory((block + 1) * hop + n);
  T* acc = memory.data();
  std::size_t t = first < n ? 0 : (first - n) / hop + 1;
  const std::size_t t_end = std::min(frames, (last - 1) / hop + 1);
  std::size_t base = t * hop, written = first;
  std::fill(acc, acc + memory.size(), T(0));

  const auto flush = [&](std::size_t upto) {  // samples [written, upto) are complete
    upto = std::min(upto, last);
    if (upto <= written) return;
    gain.apply(plan.frame().kernels(), written, upto - written, acc + (written - base), out + (written - first));
    written = upto;
  };
  while (t < t_end) {
    const std::size_t stop = std::min(t_end, t + block);
    for (; t < stop; ++t) add_frame(t, acc + (t * hop - base));
    flush(t * hop);
    const std::size_t shift = t * hop - base;  // the tail of the last frames waits for its successors
    std::memmove(acc, acc + shift, (memory.size() - shift) * sizeof(T));
    std::fill(acc + (memory.size() - shift), acc + memory.size(), T(0));
    base = t * hop;
  }
  flush(base + memory.size());
  if (written < last) std::fill(out + (written - first), out + (last - first), T(0));
}

}  // namespace phasewise
