// Complex signals: the transforms of their real and imaginary parts, joined to spectra of n_fft bins.
#include "frame_loop.hpp"

namespace phasewise {

template <class T>
bool StftPlan<T>::analyze_two_sided(const Signals<T>& signals, T* spectrum) const {
  const TransformKernels<T>& kernels = frame_.kernels();
  Signals<T> imaginary = signals;
  imaginary.data += 1;
  const std::size_t reader = FrameReader<T>::memory(*this, signals), half = (2 * bins() + 15) / 16 * 16;
  struct Task {
    FrameReader<T> real, imaginary;
    T *a, *b;
  };
  return for_each_frame(
      *this, signals.batch, frames(signals.samples), spectrum, 2 * n_fft(), 2 * (reader + half),
      [&](T* m) {
        return Task{FrameReader<T>(*this, signals, m), FrameReader<T>(*this, imaginary, m + reader), m + 2 * reader, m + 2 * reader + half};
      },
      [&](Task& task, std::size_t b, std::size_t t, T* row, T* scratch) {
        kernels.forward(frame_.view(), task.real(b, t), task.a, scratch);
        kernels.forward(frame_.view(), task.imaginary(b, t), task.b, scratch);
        kernels.join_two_sided(frame_.view(), task.a, task.b, row);
        return row[0];
      });
}

template <class T>
bool StftPlan<T>::synthesize_two_sided(const Spectra<T>& spectra, std::size_t length, T* signal) const {
  const OverlapGain<T> gain = this->gain(spectra.frames);
  const TransformKernels<T>& kernels = frame_.kernels();
  const std::size_t width = 2 * bins(), fft = frame_.scratch();
  AlignedBuffer<T> parts(2 * spectra.batch * length);
  std::atomic<bool> finite{true};
  for (int part = 0; part < 2; ++part) {
    T* x = parts.data() + static_cast<std::size_t>(part) * spectra.batch * length;
    const std::size_t tile = std::max(n_fft(), 16 * hop_), tiles = (length + tile - 1) / tile;
    parallel_for(spectra.batch * tiles, 1, [&](std::size_t begin, std::size_t end) {
      T* scratch = thread_scratch<T>(fft + width + RowReader<T>::memory(spectra));
      T* row = scratch + fft;
      RowReader<T> rows(spectra, row + width);
      bool good = true;
      while (begin < end) {
        const std::size_t b = begin / tiles, stop = std::min(end, (b + 1) * tiles);
        const std::size_t from = (begin - b * tiles) * tile, to = std::min(length, (stop - b * tiles) * tile);
        overlap_add(*this, gain, spectra.frames, lead() + from, lead() + to, x + b * length + from,
                    [&](std::size_t t, T* acc, std::size_t fresh) {
                      kernels.split_two_sided(frame_.view(), rows(b, t), part, row);
                      kernels.inverse_add(frame_.view(), row, acc, fresh, scratch);
                      good = good && std::isfinite(acc[n_fft() - 1]);
                    });
        begin = stop;
      }
      if (!good) finite.store(false, std::memory_order_relaxed);
    });
  }
  for (std::size_t i = 0; i < spectra.batch * length; ++i) {
    signal[2 * i] = parts[i];
    signal[2 * i + 1] = parts[spectra.batch * length + i];
  }
  return finite.load();
}

template bool StftPlan<float>::analyze_two_sided(const Signals<float>&, float*) const;
template bool StftPlan<double>::analyze_two_sided(const Signals<double>&, double*) const;
template bool StftPlan<float>::synthesize_two_sided(const Spectra<float>&, std::size_t, float*) const;
template bool StftPlan<double>::synthesize_two_sided(const Spectra<double>&, std::size_t, double*) const;

}  // namespace phasewise
