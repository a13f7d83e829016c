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

// Where signals are written: row r = group * sources + source, its sample i at data + r * stride + i. With `last`, laid out
// alike, what is written is fresh_share times the new sample + last_share times the last one, and the new one goes to `kept`
// (nullptr: nowhere; it may be `last`).
template <class T>
struct SignalRows {
  T* data = nullptr;
  std::size_t stride = 0;
  const T* last = nullptr;
  T* kept = nullptr;
  std::size_t last_stride = 0;
  T fresh_share = 1, last_share = 0;
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
        kernels_(inversion_kernels<T>(plan.isa())),
        gain_(plan.gain(frames)) {}

  // make(b, t, scratch) returns the rows of frame t of group b; it is called once for every frame, in rising order within a
  // range, with `work` scalars of scratch. A range writes nothing that its frames to come cover, or the frames of another
  // range: signals may be read where they are written, if no frame reads more than it covers. signals.data == nullptr: only
  // call make.
  template <class Make>
  void run(const SignalRows<T>& signals, std::size_t work, Make&& make) {
    borders_.clear();
    parallel_for(batch_ * frames_, std::max<std::size_t>(16, 2 * late_), [&](std::size_t begin, std::size_t end) {
      while (begin < end) {
        const std::size_t b = begin / frames_, stop = std::min(end, (b + 1) * frames_);
        range(signals, b, begin - b * frames_, stop - b * frames_, work, make);
        begin = stop;
      }
    });
    for (Border& border : borders_) join(signals, border);
  }
  template <class Make>
  void run(T* signal, std::size_t work, Make&& make) {
    run(SignalRows<T>{signal, length_}, work, make);
  }

  // The same with one thread for every group: what is written of a group never gets ahead of the frames that were asked for.
  template <class Make>
  void run_groups(const SignalRows<T>& signals, std::size_t work, Make&& make) {
    parallel_for(batch_, 1, [&](std::size_t begin, std::size_t end) {
      for (; begin < end; ++begin) range(signals, begin, 0, frames_, work, make);
    });
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
  void range(const SignalRows<T>& signals, std::size_t b, std::size_t first, std::size_t last, std::size_t work, Make& make) {
    const std::size_t n = plan_.n_fft(), hop = plan_.hop(), row = 2 * padded_;
    const std::size_t block = std::max<std::size_t>(1, std::min<std::size_t>(16, n / hop)), span = block * hop + n;
    const std::size_t fft = plan_.frame().scratch(), late = signals.data == nullptr || first == 0 ? 0 : std::min(late_, last - first);
    T* scratch = thread_scratch<T>(fft + work);
    AlignedBuffer<T> sums(signals.data == nullptr ? 0 : sources_ * span);
    std::fill(sums.data(), sums.data() + sums.size(), T(0));
    std::vector<T> kept;
    kept.reserve(late * sources_ * row);
    std::size_t base = first * hop, written = base + (first == 0 ? 0 : overlap_);
    for (std::size_t t = first; t < last;) {
      for (const std::size_t stop = std::min(last, t + block); t < stop; ++t) {
        const Rows<T> rows = make(b, t, scratch + fft);
        if (signals.data == nullptr) continue;
        for (std::size_t j = 0; j < sources_; ++j) {
          const T* re = rows.data + j * rows.stride;
          plan_.frame().kernels().inverse_add_planar(plan_.frame().view(), re, re + padded_, sums.data() + j * span + (t * hop - base), plan_.fresh(t), scratch);
          if (t - first < late) kept.insert(kept.end(), re, re + row);
        }
      }
      if (signals.data == nullptr) continue;
      const bool end_of_signal = t == frames_;
      const std::size_t complete = end_of_signal ? base + span : t * hop;
      for (std::size_t j = 0; j < sources_; ++j) flush(signals, b, j, written, complete, sums.data() + j * span, base);
      written = std::max(written, complete);
      const std::size_t shift = t * hop - base;
      for (std::size_t j = 0; j < sources_; ++j) {
        T* s = sums.data() + j * span;
        std::copy(s + shift, s + shift + overlap_, s);
      }
      base = t * hop;
    }
    if (signals.data == nullptr || overlap_ == 0) return;
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

  void join(const SignalRows<T>& signals, const Border& border) {
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
      flush(signals, border.batch, j, base, base + overlap_, sums.data(), base);
    }
  }

  // Positions [from, to), counted from the first sample of frame 0, are complete: normalise them into the signal.
  void flush(const SignalRows<T>& signals, std::size_t b, std::size_t j, std::size_t from, std::size_t to, T* sums, std::size_t base) const {
    const std::size_t lead = plan_.lead(), row = b * sources_ + j;
    from = std::max(from, lead);
    to = std::min(to, lead + length_);
    if (from >= to) return;
    T *fresh = sums + (from - base), *out = signals.data + row * signals.stride + (from - lead);
    gain_.apply(plan_.frame().kernels(), from, to - from, fresh, signals.last == nullptr ? out : fresh);
    if (signals.last != nullptr) {
      const std::size_t at = row * signals.last_stride + (from - lead);
      kernels_.extrapolate(fresh, signals.last + at, to - from, signals.fresh_share, signals.last_share, out, signals.kept == nullptr ? nullptr : signals.kept + at);
    }
  }

  const StftPlan<T>& plan_;
  std::size_t batch_, sources_, frames_, length_, padded_, overlap_, late_;
  const InversionKernels<T>& kernels_;
  OverlapGain<T> gain_;
  std::mutex mutex_;
  std::vector<Border> borders_;
};

}  // namespace phasewise
