// Frames of signals and rows of spectrograms as the kernels want them: side by side in memory. What lies like that already is
// used in place; the rest is gathered a few frames at a time.
#pragma once

#include <algorithm>
#include <cstddef>

#include "phasewise/stft.hpp"

namespace phasewise {

template <class T>
class FrameReader {
 public:
  FrameReader(const StftPlan<T>& plan, const Signals<T>& signals, T* memory)
      : plan_(plan), signals_(signals), side_(memory), gathered_(memory + plan.n_fft()) {}

  // Scalars of memory that a reader needs.
  static std::size_t memory(const StftPlan<T>& plan, const Signals<T>& signals) {
    return (plan.n_fft() + (signals.stride == 1 ? 0 : room(plan)) + 15) / 16 * 16;
  }

  // The samples of frame t of signal b, valid until the next call.
  const T* operator()(std::size_t b, std::size_t t) {
    const T* signal = signals_.start(b);
    if (signals_.stride == 1) {
      read_ahead(signal, b, t);
    } else {
      gather(signal, b, t);
      signal = gathered_ - from_;
    }
    return plan_.frame_samples(signal, signals_.samples, t, side_);
  }

 private:
  // Reflection reaches up to two samples behind the start of a frame.
  static constexpr std::size_t behind = 2;
  static std::size_t room(const StftPlan<T>& plan) { return behind + plan.n_fft() + std::min<std::size_t>(15 * plan.hop(), 65536); }

  // Brings samples into the second-level cache in long strides. Frames touch a signal at many places at once, which hardware
  // prefetchers do not follow, and reads that alternate with the stores of results are slow.
  void read_ahead(const T* signal, std::size_t b, std::size_t t) {
    constexpr std::size_t line = 64 / sizeof(T), chunk = 131072 / sizeof(T);
    const std::size_t reach = t * plan_.hop() + plan_.n_fft(), end = std::min(signals_.samples, reach > plan_.lead() ? reach - plan_.lead() : 0);
    if (b == b_ && end <= to_) return;
    std::size_t from = end > plan_.n_fft() ? end - plan_.n_fft() : 0;
    if (b == b_) from = std::max(from, to_);
    b_ = b;
    to_ = std::min(signals_.samples, end + chunk);
    T sum = T(0);
    for (std::size_t i = from; i < to_; i += line) sum += signal[i];
    volatile T kept = sum;  // the loads must happen
    static_cast<void>(kept);
  }

  void gather(const T* signal, std::size_t b, std::size_t t) {
    const std::size_t start = t * plan_.hop(), before = plan_.lead() + behind, from = start > before ? start - before : 0;
    const std::size_t to = std::min(signals_.samples, std::max(start + plan_.n_fft(), plan_.lead()) - plan_.lead());
    if (b == b_ && from >= from_ && to <= to_) return;
    b_ = b;
    from_ = from;
    to_ = std::min(signals_.samples, from + room(plan_));
    for (std::size_t i = from_; i < to_; ++i) gathered_[i - from_] = signal[static_cast<std::ptrdiff_t>(i) * signals_.stride];
  }

  const StftPlan<T>& plan_;
  const Signals<T>& signals_;
  T *side_, *gathered_;
  std::size_t b_ = 0, from_ = 0, to_ = 0;  // gathered or read ahead: samples [from_, to_) of signal b_
};

template <class T>
class RowReader {
 public:
  RowReader(const Spectra<T>& spectra, T* memory) : spectra_(spectra), memory_(memory) {}

  static std::size_t memory(const Spectra<T>& spectra) { return spectra.bin_stride == 2 ? 0 : 2 * block * spectra.bins; }

  // The bins of frame t of spectrogram b, valid until the next call.
  const T* operator()(std::size_t b, std::size_t t) {
    const T* start = spectra_.start(b);
    if (spectra_.bin_stride == 2) return start + static_cast<std::ptrdiff_t>(t) * spectra_.frame_stride;
    const std::size_t width = 2 * spectra_.bins;
    if (b != b_ || t < from_ || t >= to_) {
      b_ = b;
      from_ = t;
      to_ = std::min(spectra_.frames, t + block);
      for (std::size_t k = 0; k < spectra_.bins; ++k) {
        const T* bin = start + static_cast<std::ptrdiff_t>(k) * spectra_.bin_stride;
        for (std::size_t i = from_; i < to_; ++i) {
          const T* z = bin + static_cast<std::ptrdiff_t>(i) * spectra_.frame_stride;
          memory_[(i - from_) * width + 2 * k] = z[0];
          memory_[(i - from_) * width + 2 * k + 1] = z[1];
        }
      }
    }
    return memory_ + (t - from_) * width;
  }

 private:
  static constexpr std::size_t block = 16;

  const Spectra<T>& spectra_;
  T* memory_;
  std::size_t b_ = 0, from_ = 0, to_ = 0;  // gathered: frames [from_, to_) of spectrogram b_
};

}  // namespace phasewise
