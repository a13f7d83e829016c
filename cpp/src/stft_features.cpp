// Magnitudes, powers, filtered spectra and their logarithms, made row by row while the spectrum is in cache.
#include "frame_loop.hpp"

namespace phasewise {

template <class T>
bool StftPlan<T>::analyze_features(const Signals<T>& signals, const Features<T>& features, T* out) const {
  const TransformKernels<T>& kernels = frame_.kernels();
  const FilterBank<T>* bank = features.filters;
  const std::size_t reader = FrameReader<T>::memory(*this, signals), values = bank == nullptr ? 0 : bins();
  struct Task {
    FrameReader<T> frame;
    T* values;
  };
  return for_each_frame(
      *this, signals.batch, frames(signals.samples), out, features.width(bins()), reader + values,
      [&](T* memory) { return Task{FrameReader<T>(*this, signals, memory), memory + reader}; },
      [&](Task& task, std::size_t b, std::size_t t, T* row, T* scratch) {
        T* spectrum = bank == nullptr ? row : task.values;
        (features.exponent == T(1) ? kernels.forward_magnitude : kernels.forward_power)(frame_.view(), task.frame(b, t), spectrum, scratch);
        if (features.exponent != T(1) && features.exponent != T(2)) kernels.raise(spectrum, bins(), features.exponent / T(2));
        const T first = spectrum[0];
        if (bank != nullptr) kernels.filter(bank->filters(), bank->count(), spectrum, row);
        if (features.floor > T(0)) kernels.log_floor(row, features.width(bins()), features.floor);
        return first;
      });
}

template bool StftPlan<float>::analyze_features(const Signals<float>&, const Features<float>&, float*) const;
template bool StftPlan<double>::analyze_features(const Signals<double>&, const Features<double>&, double*) const;

}  // namespace phasewise
