// The projector onto consistent spectrograms, and the adjoints of the transform and its inverse.
#include <algorithm>

#include "frame_loop.hpp"

namespace phasewise {
namespace {

template <class T>
struct UnitGain {
  void apply(const TransformKernels<T>&, std::size_t, std::size_t count, const T* in, T* out) const { std::copy(in, in + count, out); }
};

std::size_t ceil_div(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

// Transforms the frames [first, last) of one spectrogram back and forth. The samples pass through a sliding buffer, frame
// by frame: sums of windowed frames at its end, normalised samples before.
template <class T>
bool project_range(const StftPlan<T>& plan, const OverlapGain<T>& gain, const Spectra<T>& spectra, std::size_t b, std::size_t length,
                   std::size_t first, std::size_t last, T* out, bool streaming) {
  const std::size_t n = plan.n_fft(), hop = plan.hop(), width = 2 * plan.bins(), frames = spectra.frames;
  const std::size_t reach = ceil_div(n, hop) - 1, size = (2 * n + hop + std::max(n, 8 * hop) + 15) / 16 * 16;
  const TransformKernels<T>& kernels = plan.frame().kernels();
  T* scratch = thread_scratch<T>(plan.frame().scratch() + size + width + RowReader<T>::memory(spectra));
  T *samples = scratch + plan.frame().scratch(), *row = samples + size;
  RowReader<T> rows(spectra, row + width);
  bool finite = true;
  std::size_t added = first > reach ? first - reach : 0;  // frames before it cannot be felt in [first, last)
  std::size_t base = added * hop, done = base;            // the position of samples[0]; what lies before `done` is normalised
  const std::size_t begin = plan.lead(), end = plan.lead() + length;
  std::fill(samples, samples + n, T(0));
  for (std::size_t t = first; t < last; ++t) {
    const std::size_t needed = std::min(frames, t + reach + 1);
    if (std::max(needed, t + 1) * hop + n > base + size) {  // everything before frame t is of no more use
      const std::size_t from = std::min(t, added) * hop;
      std::copy(samples + (from - base), samples + ((added - 1) * hop + n - base), samples);
      base = from;
    }
    for (; added < needed; ++added)
      kernels.inverse_add(plan.frame().view(), rows(b, added), samples + (added * hop - base), plan.fresh(added), scratch);
    const std::size_t complete = added < frames ? added * hop : t * hop + n;
    if (complete > done) {
      gain.apply(kernels, done, complete - done, samples + (done - base), samples + (done - base));
      // Outside the signal there are zeros, whatever the frames say.
      if (done < begin) std::fill(samples + (done - base), samples + (std::min(begin, complete) - base), T(0));
      if (complete > end) std::fill(samples + (std::max(done, end) - base), samples + (complete - base), T(0));
      done = complete;
    }
    T* to = streaming ? row : out + t * width;
    kernels.forward(plan.frame().view(), samples + (t * hop - base), to, scratch);
    finite = finite && std::isfinite(to[0]);
    if (streaming) kernels.stream(row, out + t * width, width);
  }
  if (streaming) kernels.stream_fence();
  return finite;
}

}  // namespace

template <class T>
bool StftPlan<T>::project(const Spectra<T>& spectra, std::size_t length, T* out) const {
  const std::size_t batch = spectra.batch, frames = spectra.frames;
  if (padding_ == Padding::reflect || padding_ == Padding::edge || hop_ >= n_fft()) {  // what lies beyond the ends depends on the signal
    AlignedBuffer<T> signal(batch * length);
    const bool finite = synthesize(spectra, length, signal.data());
    return analyze({signal.data(), batch, length}, out) && finite;
  }
  const OverlapGain<T> gain = this->gain(frames);
  const bool streaming = 2 * batch * frames * bins() * sizeof(T) > streaming_bytes;
  std::atomic<bool> finite{true};
  parallel_for(batch * frames, 4 * ceil_div(n_fft(), hop_), [&](std::size_t begin, std::size_t end) {
    while (begin < end) {
      const std::size_t b = begin / frames, stop = std::min(end, (b + 1) * frames);
      if (!project_range(*this, gain, spectra, b, length, begin - b * frames, stop - b * frames, out + 2 * b * frames * bins(), streaming))
        finite.store(false, std::memory_order_relaxed);
      begin = stop;
    }
  }, 4);
  return finite.load();
}

// X_k = sum_n w_n x_n e^{-2 pi i k n / N} gives g_n = w_n Re sum_k G_k e^{2 pi i k n / N}: an inverse transform in which the bins
// that a one-sided spectrum mirrors count half.
template <class T>
void StftPlan<T>::analyze_adjoint(const T* spectrum, std::size_t batch, std::size_t samples, T* signal) const {
  const std::size_t count = frames(samples), width = 2 * bins(), covered = count == 0 ? 0 : n_fft() + hop_ * (count - 1);
  const T edge = static_cast<T>(n_fft()), inner = edge / T(2);
  const bool folds = padding_ == Padding::reflect || padding_ == Padding::edge;
  const std::size_t first = folds ? 0 : lead(), length = folds ? covered : samples;
  const std::size_t tile = std::max(n_fft(), 16 * hop_), tiles = ceil_div(length, tile);
  AlignedBuffer<T> padded(folds ? batch * covered : 0);
  T* sums = folds ? padded.data() : signal;
  parallel_for(batch * tiles, 1, [&](std::size_t begin, std::size_t end) {
    T* scratch = thread_scratch<T>(frame_.scratch() + width);
    T* row = scratch + frame_.scratch();
    while (begin < end) {
      const std::size_t b = begin / tiles, stop = std::min(end, (b + 1) * tiles);
      const std::size_t from = begin % tiles * tile, to = std::min(length, (stop - b * tiles) * tile);
      begin = stop;
      overlap_add(*this, UnitGain<T>{}, count, first + from, first + to, sums + b * length + from, [&](std::size_t t, T* acc, std::size_t fresh) {
        frame_.kernels().weigh(frame_.view(), spectrum + (b * count + t) * width, edge, inner, row);
        frame_.kernels().inverse_add(frame_.view(), row, acc, fresh, scratch);
      });
    }
  });
  if (!folds) return;
  const std::ptrdiff_t n = static_cast<std::ptrdiff_t>(samples);
  for (std::size_t b = 0; b < batch; ++b) {
    T* x = signal + b * samples;
    std::fill(x, x + samples, T(0));
    for (std::size_t i = 0; i < covered; ++i) x[source_of(static_cast<std::ptrdiff_t>(i) - static_cast<std::ptrdiff_t>(lead()), n)] += padded[b * covered + i];
  }
}

// y = (sum_t w_n irfft(X_t)_n) gain gives G_t = (a / N) rfft(w (gain g)_t), a = 2 for the bins that are mirrored.
template <class T>
void StftPlan<T>::synthesize_adjoint(const T* signal, std::size_t batch, std::size_t frames, std::size_t length, T* spectrum) const {
  const std::size_t width = 2 * bins(), covered = frames == 0 ? 0 : n_fft() + hop_ * (frames - 1);
  const std::size_t kept = covered > lead() ? std::min(length, covered - lead()) : 0;
  const T edge = T(1) / static_cast<T>(n_fft()), inner = T(2) * edge;
  const OverlapGain<T> gain = this->gain(frames);
  AlignedBuffer<T> weighted(batch * covered);
  std::fill(weighted.data(), weighted.data() + weighted.size(), T(0));
  for (std::size_t b = 0; b < batch; ++b) gain.apply(frame_.kernels(), lead(), kept, signal + b * length, weighted.data() + b * covered + lead());
  parallel_for(batch * frames, 8, [&](std::size_t begin, std::size_t end) {
    T* scratch = thread_scratch<T>(frame_.scratch());
    for (std::size_t i = begin; i < end; ++i) {
      T* row = spectrum + i * width;
      frame_.kernels().forward(frame_.view(), weighted.data() + i / frames * covered + i % frames * hop_, row, scratch);
      frame_.kernels().weigh(frame_.view(), row, edge, inner, row);
      row[1] = T(0);  // the inverse ignores these imaginary parts
      if (n_fft() % 2 == 0) row[width - 1] = T(0);
    }
  });
}

template bool StftPlan<float>::project(const Spectra<float>&, std::size_t, float*) const;
template bool StftPlan<double>::project(const Spectra<double>&, std::size_t, double*) const;
template void StftPlan<float>::analyze_adjoint(const float*, std::size_t, std::size_t, float*) const;
template void StftPlan<double>::analyze_adjoint(const double*, std::size_t, std::size_t, double*) const;
template void StftPlan<float>::synthesize_adjoint(const float*, std::size_t, std::size_t, std::size_t, float*) const;
template void StftPlan<double>::synthesize_adjoint(const double*, std::size_t, std::size_t, std::size_t, double*) const;

}  // namespace phasewise
