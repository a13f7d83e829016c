#include "phasewise/inversion.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

// The state of a run: planar spectra (batch, sources, frames, 2, padded) and the signals they make.
template <class T>
class Run {
 public:
  explicit Run(const Inversion<T>& p)
      : p_(p),
        plan_(*p.plan),
        kernels_(inversion_kernels<T>(plan_.isa())),
        padded_((plan_.bins() + 15) / 16 * 16),
        row_(2 * padded_),
        state_(p.batch * p.sources * p.frames * row_),
        signal_(p.signal == nullptr ? p.batch * p.sources * p.length : 0),
        gain_(plan_.gain(p.frames)),
        frame_cost_(p.cost == nullptr ? 0 : p.batch * p.frames) {
    const bool momentum = p.update == Update::griffin_lim && p.momentum != T(0);
    if (momentum || p.refresh_weights) {
      previous_ = AlignedBuffer<T>(state_.size());
      std::fill(previous_.data(), previous_.data() + previous_.size(), T(0));
    }
    if (p.refresh_weights) weights_.assign(p.weights, p.weights + p.batch * p.sources * p.frames * plan_.bins());
    convert([&](std::size_t i) { kernels_.to_planar(p_.estimate + 2 * i * plan_.bins(), plan_.bins(), padded_, state_.data() + i * row_); });
  }

  void run(const std::function<void()>& between) {
    const bool reflects = p_.update == Update::reflection;
    if (p_.mix_first && p_.n_iter > 0) mix();
    for (int i = 0; i < p_.n_iter; ++i) {
      if (between) between();
      sweep(i, false, !(p_.mix_first && i + 1 == p_.n_iter));
    }
    if (p_.mix_first) {  // the result is what the magnitudes gave; its cost belongs to its mixed form
      finish();
      if (p_.cost != nullptr && p_.n_iter > 0) {
        mix();
        sweep(p_.n_iter, true, true);
      }
      return;
    }
    if (reflects || (p_.cost != nullptr && p_.n_iter > 0)) sweep(p_.n_iter, true, true);
    finish();
  }

 private:
  T* signal() { return p_.signal == nullptr ? signal_.data() : p_.signal; }

  void convert(const std::function<void(std::size_t)>& row) {
    parallel_for(p_.batch * p_.sources * p_.frames, 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) row(i);
    });
  }

  void finish() {
    convert([&](std::size_t i) { kernels_.to_interleaved(state_.data() + i * row_, plan_.bins(), padded_, p_.estimate + 2 * i * plan_.bins()); });
    if (p_.signal != nullptr) to_signals();
  }

  void to_signals() {
    const std::size_t tile = std::max(plan_.n_fft(), 16 * plan_.hop()), tiles = (p_.length + tile - 1) / tile;
    parallel_for(p_.batch * p_.sources * tiles, 1, [&](std::size_t begin, std::size_t end) {
      T* scratch = thread_scratch<T>(plan_.frame().scratch());
      while (begin < end) {
        const std::size_t s = begin / tiles, stop = std::min(end, (s + 1) * tiles);
        const T* rows = state_.data() + s * p_.frames * row_;
        overlap_add(plan_, gain_, p_.frames, (begin - s * tiles) * tile, std::min(p_.length, (stop - s * tiles) * tile),
                    signal() + s * p_.length, [&](std::size_t t, T* acc) {
                      plan_.frame().kernels().inverse_add_planar(plan_.frame().view(), rows + t * row_, rows + t * row_ + padded_, acc, scratch);
                    });
        begin = stop;
      }
    });
  }

  InversionStep<T> step_at(std::size_t b, std::size_t t) {
    const std::size_t bins = plan_.bins(), first = b * p_.sources * p_.frames + t;
    InversionStep<T> s{};
    s.update = p_.update;
    s.even = plan_.n_fft() % 2 == 0;
    s.sources = p_.sources;
    s.bins = bins;
    s.padded = padded_;
    s.state = state_.data() + first * row_;
    s.state_stride = p_.frames * row_;
    s.magnitudes = p_.magnitudes + first * bins;
    s.row_stride = p_.frames * bins;
    if (p_.weights != nullptr) s.weights = (p_.refresh_weights ? weights_.data() : const_cast<T*>(p_.weights)) + first * bins;
    if (p_.mixture != nullptr) s.mixture = p_.mixture + 2 * (b * p_.frames + t) * bins;
    if (previous_.size() > 0) s.previous = previous_.data() + first * row_;
    s.refresh = p_.refresh_weights && mixed_before_;
    s.alpha = p_.alpha;
    s.beta = p_.beta;
    s.gamma = p_.gamma;
    s.sigma = p_.sigma;
    s.momentum = p_.momentum;
    return s;
  }

  void mix() {
    parallel_for(p_.batch * p_.frames, 16, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) kernels_.mix(step_at(i / p_.frames, i % p_.frames));
    });
    mixed_before_ = true;
  }

  // Signals of the state, then every frame forward and updated. The cost found belongs to iteration `done` (1 = first).
  void sweep(int done, bool evaluate, bool mix_last) {
    to_signals();
    parallel_for(p_.batch * p_.frames, 4, [&](std::size_t begin, std::size_t end) {
      const std::size_t work = plan_.frame().scratch();
      T* scratch = thread_scratch<T>(work + (plan_.n_fft() + 15) / 16 * 16 + p_.sources * row_);
      T *side = scratch + work, *projected = side + (plan_.n_fft() + 15) / 16 * 16;
      for (std::size_t j = 0; j < 2 * p_.sources; ++j) std::fill(projected + j * padded_ + plan_.bins(), projected + (j + 1) * padded_, T(0));
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t b = i / p_.frames, t = i % p_.frames;
        for (std::size_t j = 0; j < p_.sources; ++j) {
          const T* x = plan_.frame_samples(signal() + (b * p_.sources + j) * p_.length, p_.length, t, side);
          T* row = projected + j * row_;
          plan_.frame().kernels().forward_planar(plan_.frame().view(), x, row, row + padded_, scratch);
        }
        InversionStep<T> s = step_at(b, t);
        s.projected = projected;
        s.evaluate = evaluate;
        s.mix_last = mix_last;
        const double cost = kernels_.step(s);
        if (p_.cost != nullptr) frame_cost_[i] = cost;
      }
    });
    mixed_before_ = true;
    if (p_.cost == nullptr || done == 0) return;
    for (std::size_t b = 0; b < p_.batch; ++b) {  // in a fixed order, whoever computed the terms
      double total = 0;
      for (std::size_t t = 0; t < p_.frames; ++t) total += frame_cost_[b * p_.frames + t];
      p_.cost[b * static_cast<std::size_t>(p_.n_iter) + static_cast<std::size_t>(done - 1)] = total;
    }
  }

  const Inversion<T>& p_;
  const StftPlan<T>& plan_;
  const InversionKernels<T>& kernels_;
  std::size_t padded_, row_;
  AlignedBuffer<T> state_, signal_, previous_;
  std::vector<T> weights_;
  OverlapGain<T> gain_;
  std::vector<double> frame_cost_;
  bool mixed_before_ = false;
};

}  // namespace

template <class T>
void invert(const Inversion<T>& problem, const std::function<void()>& between) {
  if (problem.plan->frames(problem.length) != problem.frames) throw std::invalid_argument("length does not make the given number of frames");
  if (problem.refresh_weights && (problem.weights == nullptr || problem.mixture == nullptr))
    throw std::invalid_argument("refreshed weights need a mixture and weights to start from");
  Run<T>(problem).run(between);
}

template void invert(const Inversion<float>&, const std::function<void()>&);
template void invert(const Inversion<double>&, const std::function<void()>&);

}  // namespace phasewise
