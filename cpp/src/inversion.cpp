#include "phasewise/inversion.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "signal_set.hpp"
#include "synthesis.hpp"

namespace phasewise {
namespace {

template <class T>
class Run {
 public:
  explicit Run(const Inversion<T>& p)
      : p_(p),
        plan_(*p.plan),
        kernels_(inversion_kernels<T>(plan_.isa())),
        padded_((plan_.bins() + 15) / 16 * 16),
        row_(2 * padded_),
        reflects_(p.update == Update::reflection || p.update == Update::bregman_reflection),
        costs_(p.cost != nullptr && p.n_iter > 0),
        momentum_((p.update == Update::griffin_lim || p.update == Update::bregman) && p.momentum != T(0)),
        inside_(fits_inside()),
        synthesis_(plan_, p.batch, p.sources, p.frames, p.length, padded_),
        frame_cost_(costs_ ? p.batch * p.frames : 0) {
    const std::size_t rows = p.batch * p.sources;
    signals_ = inside_ ? SignalSet<T>(rows, p.length, p.estimate, 2 * p.frames * plan_.bins(), false)
                       : SignalSet<T>(rows, p.length, p.mix_first && costs_ ? nullptr : p.signal, p.length, repeats());
    if (momentum_) last_ = SignalSet<T>(rows, p.length, p.previous, p.length, repeats());
    remembers_ = p.resume;
    if (p.refresh_weights) {
      mixed_ = AlignedBuffer<T>(rows * p.frames * row_);
      std::fill(mixed_.data(), mixed_.data() + mixed_.size(), T(0));
      weights_.assign(p.weights, p.weights + rows * p.frames * plan_.bins());
    }
  }

  void run(const std::function<void()>& between) {
    if (p_.n_iter == 0 && !reflects_ && p_.signal == nullptr) return;
    start(p_.mix_first && p_.n_iter > 0, p_.from_mixture, p_.n_iter == 0);
    for (int i = 0; i < p_.n_iter; ++i) {
      if (between) between();
      Sweep s;
      s.done = i;
      s.last = i + 1 == p_.n_iter && !reflects_;
      s.mix_last = !(p_.mix_first && s.last);
      s.emit = s.last && !p_.signals_only;
      if (s.last && inside_) emit_over_signals(s);
      else sweep(s, !s.last || costs_ || p_.signal != nullptr);
    }
    if (p_.signal != nullptr && !reflects_) signals_.copy_to(p_.signal);
    if (reflects_ && p_.iterate != nullptr) std::copy_n(p_.estimate, 2 * p_.batch * p_.sources * p_.frames * plan_.bins(), p_.iterate);
    if (costs_ && p_.mix_first) start(true, false, true);  // the result is what the magnitudes gave; its cost is that of its mixed form
    if (reflects_ || costs_) {
      Sweep s;
      s.done = p_.n_iter;
      s.evaluate = s.last = true;
      s.emit = reflects_ && !p_.signals_only;
      sweep(s, reflects_ && p_.signal != nullptr);
    }
    if (p_.signal != nullptr && reflects_) signals_.copy_to(p_.signal);
    if (momentum_ && p_.previous != nullptr) last_.copy_to(p_.previous);
  }

 private:
  struct Sweep {
    int done = 0;           // iterations before it; the cost found belongs to the last of them
    bool evaluate = false;  // leave the state alone
    bool last = false;      // what it makes is the result
    bool mix_last = true;   // misi
    bool emit = false;      // write the rows to the caller's array
  };

  bool keeps_estimate() const { return refers_to_estimate(p_.update); }
  // Whether frames contain samples of which they cover another occurrence, or none.
  bool repeats() const { return plan_.padding() == Padding::reflect || plan_.padding() == Padding::edge; }
  // Whether the estimate's memory is free between start and end, and large enough, for the signals: those of a source lie
  // at the beginning of its spectra, which are read in rising and written in falling order.
  bool fits_inside() const {
    return !keeps_estimate() && p_.signal == nullptr && !costs_ && !repeats() && p_.n_iter > 0 && 2 * plan_.hop() <= plan_.n_fft() &&
           p_.length <= 2 * p_.frames * plan_.bins();
  }
  std::size_t position(std::size_t b, std::size_t t) const { return (b * p_.sources * p_.frames + t) * plan_.bins(); }

  // Where the signals of new estimates go.
  SignalRows<T> target(bool result) {
    SignalRows<T> out{signals_.back(), signals_.back_stride()};
    if (!momentum_) return out;
    out.last = last_.front();
    out.last_stride = last_.stride();
    if (!result) out.kept = last_.back();
    if (remembers_ && (p_.update == Update::bregman || !result)) out.last_share = -p_.momentum;
    if (remembers_ && p_.update == Update::bregman) out.fresh_share = 1 + p_.momentum;
    return out;
  }
  void written(bool result) {
    signals_.turn();
    if (momentum_ && !result) last_.turn();
    remembers_ = true;
  }

  // Signals of the caller's estimate, mixed first if so asked.
  void start(bool mix_first, bool from_mixture, bool result) {
    if (inside_ && !from_mixture) {
      const std::size_t together = mix_first ? p_.sources : 1;
      Synthesis<T> groups(plan_, p_.batch * p_.sources / together, together, p_.frames, p_.length, padded_);
      groups.run_groups(target(result), together * row_, [&](std::size_t g, std::size_t t, T* scratch) {
        return given_rows(g * together / p_.sources, g * together % p_.sources, together, t, scratch, mix_first);
      });
    } else {
      synthesis_.run(target(result), p_.sources * row_, [&](std::size_t b, std::size_t t, T* scratch) {
        if (!from_mixture) return given_rows(b, 0, p_.sources, t, scratch, mix_first);
        InversionStep<T> s = step_at(b, t, scratch);
        if (!keeps_estimate()) s.spectra = nullptr;
        kernels_.take_mixture_phase(s);
        if (mix_first) kernels_.mix(s);
        return Rows<T>{scratch, row_};
      });
    }
    written(result);
    mixed_before_ = mixed_before_ || mix_first;
  }
  Rows<T> given_rows(std::size_t b, std::size_t first, std::size_t sources, std::size_t t, T* rows, bool mix_first) {
    const InversionStep<T> s = step_at(b, t, rows);
    for (std::size_t j = 0; j < sources; ++j)
      kernels_.to_planar(s.spectra + 2 * (first + j) * s.row_stride, plan_.bins(), padded_, rows + j * row_);
    if (mix_first) kernels_.mix(s);
    return {rows, row_};
  }

  void sweep(const Sweep& sweep, bool resynthesise) {
    synthesis_.run(resynthesise ? target(sweep.last) : SignalRows<T>{}, work(),
                   [&](std::size_t b, std::size_t t, T* scratch) { return frame(sweep, signals_, b, t, scratch); });
    if (resynthesise) written(sweep.last);
    mixed_before_ = true;
    if (!costs_ || sweep.done == 0) return;
    for (std::size_t b = 0; b < p_.batch; ++b) {  // in a fixed order, whoever computed the terms
      double total = 0;
      for (std::size_t t = 0; t < p_.frames; ++t) total += frame_cost_[b * p_.frames + t];
      p_.cost[b * static_cast<std::size_t>(p_.n_iter) + static_cast<std::size_t>(sweep.done - 1)] = total;
    }
  }

  // The last sweep where the signals live in the estimate's memory: the last frames first, as far as their rows lie beyond
  // the samples of all frames before. Of the first few, these are set aside.
  void emit_over_signals(const Sweep& sweep) {
    constexpr std::size_t few = 8;
    const std::size_t row = 2 * plan_.bins();
    SignalSet<T> aside;
    for (std::size_t end = p_.frames; end > 0;) {
      const std::size_t covered = (end - 1) * plan_.hop() + plan_.n_fft(), needed = std::min(p_.length, covered - plan_.lead());
      std::size_t begin = (needed + row - 1) / row;
      if (end <= few || begin >= end) {
        aside = SignalSet<T>(p_.batch * p_.sources, needed, nullptr, 0, false);
        for (std::size_t r = 0; r < p_.batch * p_.sources; ++r) std::copy_n(signals_.read(r), needed, aside.front() + r * needed);
        begin = 0;
      }
      const SignalSet<T>& from = begin == 0 ? aside : signals_;
      parallel_for(p_.batch * (end - begin), 4, [&](std::size_t first, std::size_t last) {
        T* scratch = thread_scratch<T>(work());
        for (std::size_t i = first; i < last; ++i) frame(sweep, from, i / (end - begin), begin + i % (end - begin), scratch);
      });
      end = begin;
    }
  }

  // Scalars of scratch that frame() needs.
  std::size_t fft() const { return (plan_.frame().scratch() + 15) / 16 * 16; }
  std::size_t side() const { return (plan_.n_fft() + 15) / 16 * 16; }
  bool measures_last() const { return costs_ && momentum_ && p_.update == Update::griffin_lim; }
  std::size_t work() const { return fft() + side() + (measures_last() ? 2 : 1) * p_.sources * row_; }

  Rows<T> frame(const Sweep& sweep, const SignalSet<T>& signals, std::size_t b, std::size_t t, T* scratch) {
    T *gathered = scratch + fft(), *points = gathered + side();
    transform(signals, b, t, points, gathered, scratch);
    InversionStep<T> s = step_at(b, t, points);
    const bool writes_result = !keeps_estimate() || (reflects_ && sweep.evaluate);
    if (writes_result && !sweep.emit) s.spectra = nullptr;
    s.evaluate = sweep.evaluate;
    s.mix_last = sweep.mix_last;
    s.costs = costs_ && sweep.done > 0;
    if (s.costs && measures_last() && !sweep.evaluate) {
      T* consistent = points + p_.sources * row_;
      transform(last_, b, t, consistent, gathered, scratch);
      s.consistent = consistent;
    }
    const std::size_t covered = t * plan_.hop() + plan_.n_fft() - std::min(plan_.lead(), plan_.n_fft());
    if (covered + plan_.hop() <= p_.length) {
      s.samples = signals.read(b * p_.sources) + covered;
      s.sample_stride = signals.stride();
      s.arriving = plan_.hop();
    }
    const double cost = kernels_.step(s);
    if (costs_) frame_cost_[b * p_.frames + t] = cost;
    return {points, row_};
  }
  void transform(const SignalSet<T>& signals, std::size_t b, std::size_t t, T* rows, T* gathered, T* scratch) const {
    for (std::size_t j = 0; j < p_.sources; ++j) {
      const T* x = plan_.frame_samples(signals.read(b * p_.sources + j), p_.length, t, gathered);
      T* row = rows + j * row_;
      plan_.frame().kernels().forward_planar(plan_.frame().view(), x, row, row + padded_, scratch);
      std::fill(row + plan_.bins(), row + padded_, T(0));
      std::fill(row + padded_ + plan_.bins(), row + row_, T(0));
    }
  }

  InversionStep<T> step_at(std::size_t b, std::size_t t, T* points) {
    const std::size_t first = position(b, t);
    InversionStep<T> s{};
    s.update = p_.update;
    s.even = plan_.n_fft() % 2 == 0;
    s.sources = p_.sources;
    s.bins = plan_.bins();
    s.padded = padded_;
    s.points = points;
    s.spectra = p_.estimate + 2 * first;
    s.magnitudes = p_.magnitudes + first;
    s.row_stride = p_.frames * plan_.bins();
    if (p_.mixture != nullptr) s.mixture = p_.mixture + 2 * (b * p_.frames + t) * plan_.bins();
    s.sharing = p_.sharing;
    s.exponent = p_.exponent;
    if (p_.sharing == Sharing::given) s.weights = (p_.refresh_weights ? weights_.data() : const_cast<T*>(p_.weights)) + first;
    if (mixed_.size() > 0) s.previous = mixed_.data() + ((b * p_.sources) * p_.frames + t) * row_;
    s.previous_stride = p_.frames * row_;
    s.refresh = p_.refresh_weights && mixed_before_;
    s.alpha = p_.alpha;
    s.beta = p_.beta;
    s.gamma = p_.gamma;
    s.sigma = p_.sigma;
    s.rule = p_.rule;
    return s;
  }

  const Inversion<T>& p_;
  const StftPlan<T>& plan_;
  const InversionKernels<T>& kernels_;
  std::size_t padded_, row_;
  bool reflects_, costs_, momentum_, inside_;
  Synthesis<T> synthesis_;
  SignalSet<T> signals_, last_;
  bool remembers_ = false;  // whether `last_` holds signals
  AlignedBuffer<T> mixed_;  // the last mix(.), where weights are refreshed
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
  if ((problem.sharing == Sharing::given) != (problem.weights != nullptr)) throw std::invalid_argument("weights are given, or not");
  if (problem.refresh_weights && (problem.weights == nullptr || problem.mixture == nullptr))
    throw std::invalid_argument("refreshed weights need a mixture and weights to start from");
  if (problem.resume && problem.previous == nullptr) throw std::invalid_argument("momentum resumes from previous signals");
  Run<T>(problem).run(between);
}

template void invert(const Inversion<float>&, const std::function<void()>&);
template void invert(const Inversion<double>&, const std::function<void()>&);

}  // namespace phasewise
