#include "phasewise/unfolding.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "phasewise/dispatch.hpp"
#include "synthesis.hpp"

namespace phasewise {
namespace {

template <class T>
class Sweeps {
 public:
  Sweeps(const Unfolding<T>& p, const UnfoldingGradients<T>* g)
      : p_(p),
        g_(g),
        plan_(*p.plan),
        kernels_(unfolding_kernels<T>(plan_.isa())),
        padded_((plan_.bins() + 15) / 16 * 16),
        row_(2 * padded_),
        fft_((plan_.frame().scratch() + 15) / 16 * 16),
        side_((plan_.n_fft() + 15) / 16 * 16),
        synthesis_(plan_, p.batch, p.sources, p.frames, p.length, padded_) {
    if (p.sources > most_unfolded_sources) throw std::invalid_argument("too many sources for the layers of the core");
    if (plan_.frames(p.length) != p.frames) throw std::invalid_argument("length does not make the given number of frames");
    equal_ = p.parameters == nullptr || std::all_of(p.parameters + plan_.bins(), p.parameters + 2 * plan_.bins(), [](T x) { return x == T(0); });
  }

  void start(T* signal) {
    synthesis_.run(signal, p_.sources * row_, [&](std::size_t b, std::size_t t, T* scratch) {
      LayerFrame<T> s = frame(b, t, scratch);
      kernels_.take_mixture_phase(s);
      return Rows<T>{scratch, row_};
    });
  }

  void step(T* next, T* signal) {
    synthesis_.run(signal, work(1), [&](std::size_t b, std::size_t t, T* scratch) {
      T* projected = scratch + fft_ + side_;
      transform(p_.signal, b, t, scratch, projected);
      LayerFrame<T> s = frame(b, t, projected);
      if (next != nullptr) s.next = next + 2 * first(b, t);
      kernels_.step(s);
      return Rows<T>{projected, row_};
    });
  }

  void step_back() {
    const std::size_t bins = plan_.bins(), rows = layer_parameters * bins;
    std::vector<T> of_parameters(g_->parameters == nullptr ? 0 : p_.batch * p_.frames * rows);
    synthesis_.run(g_->signal_out, work(2), [&](std::size_t b, std::size_t t, T* scratch) {
      T *projected = scratch + fft_ + side_, *gradient = projected + p_.sources * row_;
      incoming(b, t, scratch, gradient);
      transform(p_.signal, b, t, scratch, projected);
      LayerFrame<T> s = frame(b, t, projected);
      s.gradient = gradient;
      if (g_->spectra_out != nullptr) s.of_state = g_->spectra_out + 2 * first(b, t);
      s.of_mixture = g_->mixture + 2 * (b * p_.frames + t) * bins;
      s.of_magnitudes = g_->magnitudes + first(b, t);
      if (g_->weights != nullptr) s.of_weights = g_->weights + first(b, t);
      if (g_->parameters != nullptr) s.of_parameters = of_parameters.data() + (b * p_.frames + t) * rows;
      kernels_.step_backward(s);
      scale_edges(projected, T(2));
      return Rows<T>{projected, row_};
    });
    if (g_->parameters == nullptr) return;
    std::vector<double> sums(rows);
    for (std::size_t i = 0; i < of_parameters.size(); ++i) sums[i % rows] += static_cast<double>(of_parameters[i]);  // in a fixed order
    std::copy(sums.begin(), sums.end(), g_->parameters);
  }

  // Calls body(b, t, planar gradient) for every frame.
  template <class Body>
  void each_gradient(Body&& body) {
    parallel_for(p_.batch * p_.frames, 8, [&](std::size_t begin, std::size_t end) {
      T* scratch = thread_scratch<T>(work(1));
      for (; begin < end; ++begin) {
        T* gradient = scratch + fft_ + side_;
        incoming(begin / p_.frames, begin % p_.frames, scratch, gradient);
        body(begin / p_.frames, begin % p_.frames, gradient);
      }
    });
  }

  void start_back() {
    each_gradient([&](std::size_t b, std::size_t t, T* gradient) {
      LayerFrame<T> s = frame(b, t, nullptr);
      s.gradient = gradient;
      s.of_mixture = g_->mixture + 2 * (b * p_.frames + t) * plan_.bins();
      s.of_magnitudes = g_->magnitudes + first(b, t);
      kernels_.take_mixture_phase_backward(s);
    });
  }

  void sum() {
    each_gradient([&](std::size_t b, std::size_t t, T* gradient) {
      for (std::size_t j = 0; j < p_.sources; ++j)
        kernels_.to_interleaved(gradient + j * row_, plan_.bins(), padded_, g_->spectra_out + 2 * (first(b, t) + j * p_.frames * plan_.bins()));
    });
  }

 private:
  // Scratch for the transform and `sets` spectra of all sources in a frame.
  std::size_t work(std::size_t sets) const { return fft_ + side_ + sets * p_.sources * row_; }
  // Where the row of source 0 in frame t begins.
  std::size_t first(std::size_t b, std::size_t t) const { return (b * p_.sources * p_.frames + t) * plan_.bins(); }

  LayerFrame<T> frame(std::size_t b, std::size_t t, T* projected) const {
    LayerFrame<T> s{};
    s.layer = p_.layer;
    s.sources = p_.sources;
    s.bins = plan_.bins();
    s.padded = padded_;
    s.row_stride = p_.frames * s.bins;
    s.mixture = p_.mixture + 2 * (b * p_.frames + t) * s.bins;
    s.magnitudes = p_.magnitudes + first(b, t);
    if (p_.weights != nullptr) s.weights = p_.weights + first(b, t);
    s.equal = equal_;
    s.parameters = p_.parameters;
    if (p_.state != nullptr) s.state = p_.state + 2 * first(b, t);
    s.projected = projected;
    s.epsilon = p_.epsilon;
    return s;
  }

  // Planar spectra of frame t of all sources.
  void transform(const T* signals, std::size_t b, std::size_t t, T* scratch, T* rows) const {
    for (std::size_t j = 0; j < p_.sources; ++j) {
      const T* x = plan_.frame_samples(signals + (b * p_.sources + j) * p_.length, p_.length, t, scratch + fft_);
      T* row = rows + j * row_;
      plan_.frame().kernels().forward_planar(plan_.frame().view(), x, row, row + padded_, scratch);
      clear_padding(row);
    }
  }
  void clear_padding(T* row) const {
    std::fill(row + plan_.bins(), row + padded_, T(0));
    std::fill(row + padded_ + plan_.bins(), row + row_, T(0));
  }

  // Bins that a one-sided spectrum does not mirror.
  void scale_edges(T* rows, T factor) const {
    const std::size_t last = plan_.bins() - 1;
    for (std::size_t j = 0; j < p_.sources; ++j) {
      T* row = rows + j * row_;
      row[0] *= factor;
      row[padded_] *= factor;
      if (last == 0 || plan_.n_fft() % 2 != 0) continue;
      row[last] *= factor;
      row[padded_ + last] *= factor;
    }
  }

  // The sum of both parts of what comes from the layer after.
  void incoming(std::size_t b, std::size_t t, T* scratch, T* gradient) const {
    if (g_->signal_in != nullptr) {
      transform(g_->signal_in, b, t, scratch, gradient);
      scale_edges(gradient, T(0.5));
    } else {
      std::fill(gradient, gradient + p_.sources * row_, T(0));
    }
    if (g_->spectra_in == nullptr) return;
    for (std::size_t j = 0; j < p_.sources; ++j)
      kernels_.add_interleaved(g_->spectra_in + 2 * (first(b, t) + j * p_.frames * plan_.bins()), plan_.bins(), padded_, gradient + j * row_);
  }

  const Unfolding<T>& p_;
  const UnfoldingGradients<T>* g_;
  const StftPlan<T>& plan_;
  const UnfoldingKernels<T>& kernels_;
  std::size_t padded_, row_, fft_, side_;
  Synthesis<T> synthesis_;
  bool equal_ = true;
};

}  // namespace

template <class T>
void unfold_start(const Unfolding<T>& problem, T* signal) { Sweeps<T>(problem, nullptr).start(signal); }
template <class T>
void unfold_start_backward(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients) { Sweeps<T>(problem, &gradients).start_back(); }
template <class T>
void unfold_step(const Unfolding<T>& problem, T* next, T* next_signal) { Sweeps<T>(problem, nullptr).step(next, next_signal); }
template <class T>
void unfold_step_backward(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients) { Sweeps<T>(problem, &gradients).step_back(); }
template <class T>
void unfold_sum(const Unfolding<T>& problem, const UnfoldingGradients<T>& gradients) { Sweeps<T>(problem, &gradients).sum(); }

template void unfold_start(const Unfolding<float>&, float*);
template void unfold_start(const Unfolding<double>&, double*);
template void unfold_start_backward(const Unfolding<float>&, const UnfoldingGradients<float>&);
template void unfold_start_backward(const Unfolding<double>&, const UnfoldingGradients<double>&);
template void unfold_step(const Unfolding<float>&, float*, float*);
template void unfold_step(const Unfolding<double>&, double*, double*);
template void unfold_step_backward(const Unfolding<float>&, const UnfoldingGradients<float>&);
template void unfold_step_backward(const Unfolding<double>&, const UnfoldingGradients<double>&);
template void unfold_sum(const Unfolding<float>&, const UnfoldingGradients<float>&);
template void unfold_sum(const Unfolding<double>&, const UnfoldingGradients<double>&);

}  // namespace phasewise
