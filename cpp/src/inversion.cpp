#include "phasewise/inversion.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "synthesis.hpp"

namespace phasewise {
namespace {

// A run holds the signals of the estimates; the spectra themselves only where an update refers to them.
template <class T>
class Run {
 public:
  explicit Run(const Inversion<T>& p)
      : p_(p),
        plan_(*p.plan),
        kernels_(inversion_kernels<T>(plan_.isa())),
        padded_((plan_.bins() + 15) / 16 * 16),
        row_(2 * padded_),
        synthesis_(plan_, p.batch, p.sources, p.frames, p.length, padded_),
        state_(p.update == Update::griffin_lim || p.update == Update::misi || p.update == Update::bregman ? 0 : spectra()),
        signal_(p.batch * p.sources * p.length),
        next_(signal_.size()),
        frame_cost_(p.cost == nullptr ? 0 : p.batch * p.frames) {
    const bool momentum = (p.update == Update::griffin_lim || p.update == Update::bregman) && p.momentum != T(0);
    if (momentum || p.refresh_weights) {
      previous_ = AlignedBuffer<T>(spectra());
      std::fill(previous_.data(), previous_.data() + previous_.size(), T(0));
      if (p.previous != nullptr)
        for (std::size_t row = 0; row < rows(); ++row) kernels_.to_planar(p.previous + 2 * row * plan_.bins(), plan_.bins(), padded_, previous_.data() + row * row_);
    }
    if (p.refresh_weights) weights_.assign(p.weights, p.weights + p.batch * p.sources * p.frames * plan_.bins());
  }

  void run(const std::function<void()>& between) {
    const bool reflects = p_.update == Update::reflection || p_.update == Update::bregman_reflection, costs = p_.cost != nullptr && p_.n_iter > 0;
    start(p_.mix_first && p_.n_iter > 0, p_.from_mixture);
    for (int i = 0; i < p_.n_iter; ++i) {
      if (between) between();
      const bool last = i + 1 == p_.n_iter;
      sweep({i, false, !(p_.mix_first && last), last && !reflects, !last || reflects || costs || p_.signal != nullptr});
    }
    if (previous_.size() > 0) hand_out(previous_, p_.previous);
    if (reflects) hand_out(state_, p_.iterate);
    if (p_.signal != nullptr && !reflects) std::copy_n(signal_.data(), signal_.size(), p_.signal);
    if (costs && p_.mix_first) start(true, false);  // the result is what the magnitudes gave; its cost is that of its mixed form
    if (reflects || costs) sweep({p_.n_iter, true, true, reflects, reflects && p_.signal != nullptr});
    if (p_.signal != nullptr && reflects) std::copy_n(signal_.data(), signal_.size(), p_.signal);
  }

 private:
  struct Sweep {
    int done;        // iterations before it; the cost found belongs to the last of them
    bool evaluate;   // leave the state alone
    bool mix_last;   // misi
    bool emit;       // write the rows to the caller's array
    bool resynthesise;
  };

  std::size_t rows() const { return p_.batch * p_.sources * p_.frames; }
  std::size_t spectra() const { return rows() * row_; }
  void hand_out(const AlignedBuffer<T>& spectra, T* out) const {
    if (out == nullptr) return;
    for (std::size_t row = 0; row < rows(); ++row) kernels_.to_interleaved(spectra.data() + row * row_, plan_.bins(), padded_, out + 2 * row * plan_.bins());
  }
  const T* estimate(std::size_t b, std::size_t j, std::size_t t) const { return p_.estimate + 2 * ((b * p_.sources + j) * p_.frames + t) * plan_.bins(); }

  // Signals (and, where kept, spectra) of the caller's estimate, mixed first if so asked.
  void start(bool mix_first, bool from_mixture) {
    synthesis_.run(signal_.data(), p_.sources * row_, [&](std::size_t b, std::size_t t, T* scratch) {
      InversionStep<T> s = step_at(b, t, scratch);
      if (from_mixture) {
        kernels_.take_mixture_phase(s);
      } else {
        for (std::size_t j = 0; j < p_.sources; ++j) kernels_.to_planar(estimate(b, j, t), plan_.bins(), padded_, s.state + j * s.state_stride);
      }
      if (mix_first) kernels_.mix(s);
      return Rows<T>{s.state, s.state_stride};
    });
    mixed_before_ = mixed_before_ || mix_first;
  }

  // Brings what the next frames need into the second-level cache, in long strides: hardware prefetchers do not follow
  // frames that touch many places at once, and asking for single lines ahead was seen to change nothing.
  void read_ahead(std::size_t b, std::size_t t) const {
    const std::size_t bins = plan_.bins(), count = std::min(read_ahead_, p_.frames - t);
    constexpr std::size_t line = 64 / sizeof(T);
    T sums[4] = {};  // independent, so that no read waits for another
    const auto read = [&sums](const T* p, std::size_t n) {
      for (std::size_t i = 0; i < n; i += 4 * line)
        for (std::size_t l = 0; l < 4; ++l) sums[l] += p[std::min(i + l * line, n - 1)];
    };
    if (p_.mixture != nullptr) read(p_.mixture + 2 * (b * p_.frames + t) * bins, 2 * count * bins);
    const std::size_t lead = plan_.lead(), begin = std::min(t * plan_.hop() + plan_.n_fft(), p_.length + lead);
    const std::size_t end = std::min(begin + count * plan_.hop(), p_.length + lead);
    for (std::size_t j = 0; j < p_.sources; ++j) {
      const std::size_t source = b * p_.sources + j, row = source * p_.frames + t;
      read(p_.magnitudes + row * bins, count * bins);
      if (p_.weights != nullptr && !p_.refresh_weights) read(p_.weights + row * bins, count * bins);
      if (state_.size() > 0) read(state_.data() + row * row_, count * row_);
      if (previous_.size() > 0) read(previous_.data() + row * row_, count * row_);
      if (begin > lead) read(signal_.data() + source * p_.length + begin - lead, end - begin);
    }
    volatile T kept = sums[0] + sums[1] + sums[2] + sums[3];  // the reads must happen
    static_cast<void>(kept);
  }

  void sweep(const Sweep& sweep) {
    const std::size_t side = (plan_.n_fft() + 15) / 16 * 16, fft = (plan_.frame().scratch() + 15) / 16 * 16;
    synthesis_.run(sweep.resynthesise ? next_.data() : nullptr, fft + side + p_.sources * row_, [&](std::size_t b, std::size_t t, T* scratch) {
      T *gathered = scratch + fft, *projected = gathered + side;
      if (t % read_ahead_ == 0) read_ahead(b, t);
      for (std::size_t j = 0; j < p_.sources; ++j) {
        const T* x = plan_.frame_samples(signal_.data() + (b * p_.sources + j) * p_.length, p_.length, t, gathered);
        T* row = projected + j * row_;
        plan_.frame().kernels().forward_planar(plan_.frame().view(), x, row, row + padded_, scratch);
        std::fill(row + plan_.bins(), row + padded_, T(0));
        std::fill(row + padded_ + plan_.bins(), row + row_, T(0));
      }
      InversionStep<T> s = step_at(b, t, projected);
      s.projected = projected;
      s.evaluate = sweep.evaluate;
      s.mix_last = sweep.mix_last;
      const double cost = kernels_.step(s);
      if (p_.cost != nullptr) frame_cost_[b * p_.frames + t] = cost;
      if (sweep.emit)
        for (std::size_t j = 0; j < p_.sources; ++j)
          kernels_.to_interleaved(s.state + j * s.state_stride, plan_.bins(), padded_, const_cast<T*>(estimate(b, j, t)));
      return Rows<T>{s.state, s.state_stride};
    });
    mixed_before_ = true;
    if (sweep.resynthesise) std::swap(signal_, next_);
    if (p_.cost == nullptr || sweep.done == 0) return;
    for (std::size_t b = 0; b < p_.batch; ++b) {  // in a fixed order, whoever computed the terms
      double total = 0;
      for (std::size_t t = 0; t < p_.frames; ++t) total += frame_cost_[b * p_.frames + t];
      p_.cost[b * static_cast<std::size_t>(p_.n_iter) + static_cast<std::size_t>(sweep.done - 1)] = total;
    }
  }

  // rows: where the spectra of the frame live if they are not kept.
  InversionStep<T> step_at(std::size_t b, std::size_t t, T* rows) {
    const std::size_t bins = plan_.bins(), first = b * p_.sources * p_.frames + t;
    const bool kept = state_.size() > 0;
    InversionStep<T> s{};
    s.update = p_.update;
    s.even = plan_.n_fft() % 2 == 0;
    s.sources = p_.sources;
    s.bins = bins;
    s.padded = padded_;
    s.state = kept ? state_.data() + first * row_ : rows;
    s.state_stride = kept ? p_.frames * row_ : row_;
    s.magnitudes = p_.magnitudes + first * bins;
    s.row_stride = p_.frames * bins;
    if (p_.weights != nullptr) s.weights = (p_.refresh_weights ? weights_.data() : const_cast<T*>(p_.weights)) + first * bins;
    if (p_.mixture != nullptr) s.mixture = p_.mixture + 2 * (b * p_.frames + t) * bins;
    if (previous_.size() > 0) s.previous = previous_.data() + first * row_;
    s.previous_stride = p_.frames * row_;
    s.refresh = p_.refresh_weights && mixed_before_;
    s.alpha = p_.alpha;
    s.beta = p_.beta;
    s.gamma = p_.gamma;
    s.sigma = p_.sigma;
    s.momentum = p_.momentum;
    s.rule = p_.rule;
    s.costs = p_.cost != nullptr;
    return s;
  }

  static constexpr std::size_t read_ahead_ = 8;

  const Inversion<T>& p_;
  const StftPlan<T>& plan_;
  const InversionKernels<T>& kernels_;
  std::size_t padded_, row_;
  Synthesis<T> synthesis_;
  AlignedBuffer<T> state_, signal_, next_, previous_;
  std::vector<T> weights_;
  std::vector<double> frame_cost_;
  bool mixed_before_ = false;
};

}  // namespace

template <class T>
void invert(const Inversion<T>& problem, const std::function<void()>& between) {
  if (problem.plan->frames(problem.length) != problem.frames) throw std::invalid_argument("length does not make the given number of frames");
  if (problem.from_mixture && (problem.mixture == nullptr || problem.n_iter == 0))
    throw std::invalid_argument("a start from the mixture needs a mixture and an iteration");
  if (problem.refresh_weights && (problem.weights == nullptr || problem.mixture == nullptr))
    throw std::invalid_argument("refreshed weights need a mixture and weights to start from");
  Run<T>(problem).run(between);
}

template void invert(const Inversion<float>&, const std::function<void()>&);
template void invert(const Inversion<double>&, const std::function<void()>&);

}  // namespace phasewise
