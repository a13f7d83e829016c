#include "phasewise/stft.hpp"

#include <algorithm>
#include <stdexcept>

#include "frame_loop.hpp"

namespace phasewise {
namespace {

std::size_t checked(std::size_t value, const char* what) {
  if (value == 0) throw std::invalid_argument(std::string(what) + " must be at least 1, got 0.");
  return value;
}

}  // namespace

template <class T>
StftPlan<T>::StftPlan(const double* window, std::size_t n_fft, std::size_t hop, Padding padding)
    : frame_(window, checked(n_fft, "n_fft")), hop_(checked(hop, "hop_length")), padding_(padding), gains_(window, n_fft, hop) {}

template <class T>
std::size_t StftPlan<T>::frames(std::size_t samples) const {
  const std::size_t covered = samples + 2 * lead();
  return covered < n_fft() ? 0 : 1 + (covered - n_fft()) / hop_;
}

template <class T>
std::size_t StftPlan<T>::samples(std::size_t frames) const {
  if (frames == 0) return 0;
  const std::size_t covered = hop_ * (frames - 1) + n_fft();
  return covered - std::min(covered, 2 * lead());
}

template <class T>
std::ptrdiff_t StftPlan<T>::source_of(std::ptrdiff_t i, std::ptrdiff_t n) const {
  if (i >= 0 && i < n) return i;
  if (padding_ == Padding::edge || n == 1) return i < 0 ? 0 : n - 1;
  const std::ptrdiff_t period = 2 * (n - 1);
  i = ((i % period) + period) % period;
  return i < n ? i : period - i;
}

template <class T>
const T* StftPlan<T>::frame_samples(const T* signal, std::size_t samples, std::size_t t, T* side) const {
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(samples), size = static_cast<std::ptrdiff_t>(n_fft());
  const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(t * hop_) - static_cast<std::ptrdiff_t>(lead());
  if (start >= 0 && start + size <= n) return signal + start;
  const std::ptrdiff_t inside = std::clamp<std::ptrdiff_t>(-start, 0, size), outside = std::clamp<std::ptrdiff_t>(n - start, 0, size);
  if (outside > inside) std::copy(signal + start + inside, signal + start + outside, side + inside);
  const bool zeros = n == 0 || padding_ == Padding::zeros || padding_ == Padding::none;
  const auto beyond = [&](std::ptrdiff_t i) { return zeros ? T(0) : signal[source_of(i, n)]; };
  for (std::ptrdiff_t i = 0; i < std::min(inside, size); ++i) side[i] = beyond(start + i);
  for (std::ptrdiff_t i = std::max(outside, inside); i < size; ++i) side[i] = beyond(start + i);
  return side;
}

template <class T>
bool StftPlan<T>::analyze(const Signals<T>& signals, T* spectrum) const {
  return for_each_frame(
      *this, signals.batch, frames(signals.samples), spectrum, 2 * bins(), FrameReader<T>::memory(*this, signals),
      [&](T* memory) { return FrameReader<T>(*this, signals, memory); },
      [&](FrameReader<T>& frame, std::size_t b, std::size_t t, T* row, T* scratch) {
        frame_.kernels().forward(frame_.view(), frame(b, t), row, scratch);
        return row[0];
      });
}

template <class T>
bool StftPlan<T>::synthesize(const Spectra<T>& spectra, std::size_t length, T* signal) const {
  return overlap_add_all(*this, spectra, length, signal, 0, [&](const T* row, T* acc, std::size_t fresh, T* scratch, T*) {
    frame_.kernels().inverse_add(frame_.view(), row, acc, fresh, scratch);
  });
}

template class StftPlan<float>;
template class StftPlan<double>;

}  // namespace phasewise
