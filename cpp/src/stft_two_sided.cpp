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
  const TransformKernels<T>& kernels = frame_.kernels();
  const std::size_t samples = spectra.batch * length;
  AlignedBuffer<T> parts(2 * samples);
  bool finite = true;
  for (int part = 0; part < 2; ++part) {
    const bool good = overlap_add_all(
        *this, spectra, length, parts.data() + static_cast<std::size_t>(part) * samples, 2 * bins(),
        [&](const T* row, T* acc, std::size_t fresh, T* scratch, T* half) {
          kernels.split_two_sided(frame_.view(), row, part, half);
          kernels.inverse_add(frame_.view(), half, acc, fresh, scratch);
        });
    finite = finite && good;
  }
  for (std::size_t i = 0; i < samples; ++i) {
    signal[2 * i] = parts[i];
    signal[2 * i + 1] = parts[samples + i];
  }
  return finite;
}

template bool StftPlan<float>::analyze_two_sided(const Signals<float>&, float*) const;
template bool StftPlan<double>::analyze_two_sided(const Signals<double>&, double*) const;
template bool StftPlan<float>::synthesize_two_sided(const Spectra<float>&, std::size_t, float*) const;
template bool StftPlan<double>::synthesize_two_sided(const Spectra<double>&, std::size_t, double*) const;

}  // namespace phasewise
