// Overlap-add of planar spectra that are made on the fly, several sources at a time, for any number of threads.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "phasewise/stft.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {

// Planar rows of all sources in one frame: source j at data + j * stride.
template <class T>
struct Rows {
  T* data;
  std::size_t stride;
};

// Overlap-adds the frames of a batch of groups of sources, made one frame after the other, into signals. Frames are
// split among threads by time; where two ranges meet, the frames of the second that reach back into the first are added
// again afterwards, to what the first has left, in the order that a single thread would have had.
template <class T>
class Synthesis {
 public:
  Synthesis(const StftPlan<T>& plan, std::size_t batch, std::size_t sources, std::size_t frames, std::size_t length, std::size_t padded)
      : plan_(plan),
        batch_(batch),
        sources_(sources),
        frames_(frames),
        length_(length),
        padded_(padded),
        overlap_(plan.n_fft() > plan.hop() ? plan.n_fft() - plan.hop() : 0),
        late_((overlap_ + plan.hop() - 1) / plan.hop()),
        gain_(plan.gain(frames)) {}

  // make(b, t, scratch) returns the rows of frame t of group b; it is called once for every frame, in rising order within a
  // range, with `work` scalars of scratch. signal == nullptr: only call it.
  template <class Make>
  void run(T* signal, std::size_t work, Make&& make) {
    borders_.clear();
    parallel_for(batch_ * frames_, std::max<std::size_t>(16, 2 * late_), [&](std::size_t begin, std::size_t end) {
      while (begin < end) {
        const std::size_t b = begin / frames_, stop = std::min(end, (b + 1) * frames_);
        range(signal, b, begin - b * frames_, stop - b * frames_, work, make);
        begin = stop;
      }
    });
    for (Border& border : borders_) join(signal, border);
  }

 private:
  // The end of a range, or (first frames of a range) what has to be added to the end of the one before.
  struct Border {
    std::size_t batch, frame;
    std::vector<T> sums;  // per source, overlap_ samples from frame * hop on
    std::vector<T> rows;  // late_ or fewer frames of sources_ planar rows
    std::size_t late = 0;
  };

  Border& border_at(std::size_t b, std::size_t t) {
    for (Border& border : borders_)
      if (border.batch == b && border.frame == t) return border;
    borders_.push_back({b, t, {}, {}, 0});
    return borders_.back();
  }

  template <class Make>
  void range(T* signal, std::size_t b, std::size_t first, std::size_t last, std::size_t work, Make& make) {
    const std::size_t n = plan_.n_fft(), hop = plan_.hop(), row = 2 * padded_;
    const std::size_t block = std::max<std::size_t>(1, std::min<std::size_t>(16, n / hop)), span = block * hop + n;
    const std::size_t fft = plan_.frame().scratch(), late = signal == nullptr || first == 0 ? 0 : std::min(late_, last - first);
    T* scratch = thread_scratch<T>(fft + work);
    AlignedBuffer<T> sums(signal == nullptr ? 0 : sources_ * span);
    std::fill(sums.data(), sums.data() + sums.size(), T(0));
    std::vector<T> kept;
    kept.reserve(late * sources_ * row);
    std::size_t base = first * hop, written = base + (first == 0 ? 0 : overlap_);
    for (std::size_t t = first; t < last;) {
      for (const std::size_t stop = std::min(last, t + block); t < stop; ++t) {
        const Rows<T> rows = make(b, t, scratch + fft);
        if (signal == nullptr) continue;
        for (std::size_t j = 0; j < sources_; ++j) {
          const T* re = rows.data + j * rows.stride;
          plan_.frame().kernels().inverse_add_planar(plan_.frame().view(), re, re + padded_, sums.data() + j * span + (t * hop - base), plan_.fresh(t), scratch);
          if (t - first < late) kept.insert(kept.end(), re, re + row);
        }
      }
      if (signal == nullptr) continue;
      const bool end_of_signal = t == frames_;
      const std::size_t complete = end_of_signal ? base + span : t * hop;
      for (std::size_t j = 0; j < sources_; ++j) flush(signal, b, j, written, complete, sums.data() + j * span, base);
      written = std::max(written, complete);
      const std::size_t shift = t * hop - base;
      for (std::size_t j = 0; j < sources_; ++j) {
        T* s = sums.data() + j * span;
        std::copy(s + shift, s + shift + overlap_, s);
      }
      base = t * hop;
    }
    if (signal == nullptr || overlap_ == 0) return;
    if (late > 0) {
      const std::lock_guard<std::mutex> lock(mutex_);
      Border& border = border_at(b, first);
      border.rows = std::move(kept);
      border.late = late;
    }
    if (last < frames_) {
      const std::lock_guard<std::mutex> lock(mutex_);
      Border& border = border_at(b, last);
      for (std::size_t j = 0; j < sources_; ++j) border.sums.insert(border.sums.end(), sums.data() + j * span, sums.data() + j * span + overlap_);
    }
  }

  void join(T* signal, const Border& border) {
    const std::size_t n = plan_.n_fft(), hop = plan_.hop(), row = 2 * padded_, base = border.frame * hop;
    T* scratch = thread_scratch<T>(plan_.frame().scratch());
    std::vector<T> sums(late_ * hop + n);
    for (std::size_t j = 0; j < sources_; ++j) {
      std::fill(sums.begin(), sums.end(), T(0));
      std::copy_n(border.sums.data() + j * overlap_, overlap_, sums.begin());
      for (std::size_t i = 0; i < border.late; ++i) {
        const T* re = border.rows.data() + (i * sources_ + j) * row;
        plan_.frame().kernels().inverse_add_planar(plan_.frame().view(), re, re + padded_, sums.data() + i * hop, n, scratch);
      }
      flush(signal, border.batch, j, base, base + overlap_, sums.data(), base);
    }
  }

  // Positions [from, to), counted from the first sample of frame 0, are complete: normalise them into the signal.
  void flush(T* signal, std::size_t b, std::size_t j, std::size_t from, std::size_t to, const T* sums, std::size_t base) const {
    const std::size_t lead = plan_.lead();
    from = std::max(from, lead);
    to = std::min(to, lead + length_);
    if (from >= to) return;
    gain_.apply(plan_.frame().kernels(), from, to - from, sums + (from - base), signal + (b * sources_ + j) * length_ + (from - lead));
  }

  const StftPlan<T>& plan_;
  std::size_t batch_, sources_, frames_, length_, padded_, overlap_, late_;
  OverlapGain<T> gain_;
  std::mutex mutex_;
  std::vector<Border> borders_;
};

}  // namespace phasewise
