// Implementation of overlap_add; included by stft.hpp.
#pragma once

#include <algorithm>

namespace phasewise {

// Frames that do not overlap, zeros between them: memory for one frame, whatever the hop.
template <class T, class Gain, class AddFrame>
void overlap_add(const StftPlan<T>& plan, const Gain& gain, std::size_t frames, std::size_t first, std::size_t last, T* out,
                 AddFrame&& add_frame) {
  if (first >= last) return;
  const std::size_t n = plan.n_fft(), hop = plan.hop();
  AlignedBuffer<T> edge;  // for frames that reach beyond the range
  std::size_t t = first < n ? 0 : (first - n) / hop + 1, written = first;
  std::size_t reached = first;  // everything before has been touched by a frame
  const std::size_t t_end = std::min(frames, (last - 1) / hop + 1);
  for (; t < t_end; ++t) {
    const std::size_t begin = t * hop, end = begin + n, fresh = plan.fresh(t);
    if (begin > reached) std::fill(out + (reached - first), out + (std::min(begin, last) - first), T(0));  // hop > n
    if (begin >= first && end <= last) {
      add_frame(t, out + (begin - first), fresh);
    } else {
      if (edge.size() == 0) edge = AlignedBuffer<T>(n);
      const std::size_t from = std::max(begin, first), to = std::min(end, last);
      std::fill(edge.data(), edge.data() + fresh, T(0));
      if (reached > from) std::copy(out + (from - first), out + (std::min(reached, to) - first), edge.data() + (from - begin));
      add_frame(t, edge.data(), fresh);
      std::copy(edge.data() + (from - begin), edge.data() + (to - begin), out + (from - first));
    }
    reached = std::max(reached, std::min(end, last));
    const std::size_t complete = std::min(t + 1 < frames ? (t + 1) * hop : reached, reached);
    if (complete > written) {
      gain.apply(plan.frame().kernels(), written, complete - written, out + (written - first), out + (written - first));
      written = complete;
    }
  }
  if (reached > written) gain.apply(plan.frame().kernels(), written, reached - written, out + (written - first), out + (written - first));
  std::fill(out + (reached - first), out + (last - first), T(0));
}

}  // namespace phasewise
