#include "phasewise/online_inversion.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "regions.hpp"

namespace phasewise {
namespace {

constexpr std::size_t endless = OverlapGain<float>::endless;

std::size_t padded_bins(std::size_t bins) { return (bins + 15) / 16 * 16; }

template <class T>
AlignedBuffer<T> zeros(std::size_t size) {
  AlignedBuffer<T> buffer(size);
  std::fill(buffer.data(), buffer.data() + size, T(0));
  return buffer;
}

template <class T>
void check(const OnlineInversionOptions<T>& o) {
  const bool alone = o.update == Update::griffin_lim || o.update == Update::reflection;
  const bool needs_mixture = o.start == OnlineStart::mixture || o.start == OnlineStart::wiener;
  if (o.sources == 0 || o.n_iter == 0) throw std::invalid_argument("sources and n_iter must be at least 1.");
  if (o.update == Update::bregman || o.update == Update::bregman_reflection)
    throw std::invalid_argument("Updates of divergences are not for streams.");
  if (!o.mixed && (!alone || needs_mixture)) throw std::invalid_argument("This update or start needs a mixture.");
  if (o.mixed && o.update == Update::griffin_lim) throw std::invalid_argument("Griffin-Lim takes no mixture.");
  if (!o.shares.empty() && o.shares.size() != o.sources) throw std::invalid_argument("There must be one share per source.");
}

}  // namespace

template <class T>
OnlineInversion<T>::OnlineInversion(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels, const OnlineInversionOptions<T>& options)
    : plan_(std::move(plan)),
      options_(options),
      kernels_(inversion_kernels<T>(plan_->isa())),
      phase_kernels_(phase_kernels<T>(plan_->isa())),
      window_(options.lookahead + 1),
      bins_(plan_->bins()),
      padded_(padded_bins(bins_)),
      row_(2 * padded_),
      overlap_(plan_->n_fft() > plan_->hop() ? plan_->n_fft() - plan_->hop() : 0),
      span_(padded_bins(options.lookahead * plan_->hop() + plan_->n_fft())),
      end_(endless),
      progress_(channels) {
  check(options_);
  const std::size_t j = sources(), frames = channels * window_;
  state_ = zeros<T>(frames * j * row_);
  if (options_.update == Update::griffin_lim && options_.momentum != T(0)) previous_ = zeros<T>(frames * j * row_);
  magnitudes_ = zeros<T>(frames * j * padded_);
  if (options_.mixed) mixture_ = zeros<T>(frames * row_);
  sums_ = zeros<T>(channels * j * span_);
  past_ = zeros<T>(channels * j * overlap_);
  samples_ = zeros<T>(j * span_);
  points_ = zeros<T>(j * row_);
  scratch_ = AlignedBuffer<T>(plan_->frame().scratch());
  if (options_.start == OnlineStart::sinusoidal) {
    turns_ = AlignedBuffer<T>(2 * bins_);
    summits_.resize(bins_ / 2 + 1);
    advances_.resize(summits_.size());
    ends_.resize(bins_);
    cycles_.resize(bins_);
  }
  if (!options_.shares.empty()) weights_ = zeros<T>(j * padded_);
  for (std::size_t i = 0; i < options_.shares.size(); ++i) std::fill_n(weights_.data() + i * padded_, padded_, options_.shares[i]);
}

template <class T>
void OnlineInversion<T>::reset() {
  std::fill(progress_.begin(), progress_.end(), Progress());
  end_ = endless;
}

template <class T>
InversionStep<T> OnlineInversion<T>::step_at(std::size_t channel, std::size_t t) {
  const std::size_t at = slot(channel, t), frame = at * sources();
  InversionStep<T> s{};
  s.update = options_.update;
  s.mix_last = true;
  s.even = plan_->n_fft() % 2 == 0;
  s.sources = sources();
  s.bins = bins_;
  s.padded = padded_;
  s.points = points_.data();
  s.spectra = state_.data() + frame * row_;
  s.magnitudes = magnitudes_.data() + frame * padded_;
  s.row_stride = padded_;
  if (options_.mixed) s.mixture = mixture_.data() + at * row_;
  s.sharing = weights_.size() > 0 ? Sharing::given : options_.exponent == T(0) ? Sharing::equal : Sharing::power;
  s.exponent = options_.exponent;
  s.weights = weights_.data();
  s.alpha = options_.alpha;
  s.beta = options_.beta;
  s.gamma = options_.gamma;
  s.sigma = options_.sigma;
  return s;
}

template <class T>
void OnlineInversion<T>::take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) {
  Progress& p = progress_[channel];
  keep(channel, frame);
  start(channel);
  add_samples(channel, p.received);
  ++p.received;
  if (p.received < window_) return;
  iterate(channel, options_.n_iter, 1);
  hand_out(channel, estimate);
}

template <class T>
void OnlineInversion<T>::finish(std::size_t channel, T* estimate) {
  const Progress& p = progress_[channel];
  const std::size_t left = p.received - p.settled;
  if (left > 0) iterate(channel, options_.n_iter * left, left);
  hand_out(channel, estimate);
}

template <class T>
void OnlineInversion<T>::hand_out(std::size_t channel, T* estimate) {
  const T* rows = state(channel, progress_[channel].returned++);
  for (std::size_t j = 0; j < sources(); ++j) std::copy_n(rows + j * row_, 2 * bins_, estimate + 2 * j * bins_);
}

template <class T>
void OnlineInversion<T>::keep(std::size_t channel, const SourceFrame<T>& frame) {
  const std::size_t at = slot(channel, progress_[channel].received);
  for (std::size_t j = 0; j < sources(); ++j)
    std::copy_n(frame.magnitudes + j * frame.stride, bins_, magnitudes_.data() + (at * sources() + j) * padded_);
  if (options_.mixed) std::copy_n(frame.mixture, 2 * bins_, mixture_.data() + at * row_);
  if (previous_.size() > 0) std::fill_n(previous_.data() + at * sources() * row_, sources() * row_, T(0));
}

template <class T>
void OnlineInversion<T>::start(std::size_t channel) {
  const std::size_t t = progress_[channel].received;
  const InversionStep<T> s = step_at(channel, t);
  if (options_.start == OnlineStart::wiener) {
    WienerBlock<T> block{};
    block.sources = s.sources;
    block.bins = bins_;
    block.mixture = s.mixture;
    block.magnitudes = s.magnitudes;
    block.weighting = Weighting::wiener;
    block.stride = padded_;
    block.out = s.spectra;
    phase_kernels_.wiener(block);
    for (std::size_t j = 0; j < s.sources; ++j) kernels_.to_planar(s.spectra + j * row_, bins_, padded_, s.points + j * row_);
  } else if (options_.start == OnlineStart::overlap) {
    start_from_overlap(channel, s);
  } else if (options_.start == OnlineStart::sinusoidal && t > 0) {
    start_from_model(channel, s);
  } else if (s.mixture != nullptr) {
    kernels_.take_mixture_phase(s);
  } else {
    std::fill_n(s.points, s.sources * row_, T(0));
    take_phases(s);
  }
}

template <class T>
void OnlineInversion<T>::start_from_model(std::size_t channel, const InversionStep<T>& s) {
  const T* before = state(channel, progress_[channel].received - 1);
  const double hops = static_cast<double>(plan_->hop()) / static_cast<double>(plan_->n_fft());
  T *turn_re = turns_.data(), *turn_im = turn_re + bins_;
  for (std::size_t j = 0; j < s.sources; ++j) {
    const std::size_t regions = find_regions(phase_kernels_, s.magnitudes + j * padded_, bins_, hops, summits_.data(), advances_.data(),
                                             ends_.data(), cycles_.data());
    phase_kernels_.turns(cycles_.data(), turn_re, turn_im, regions);
    const T* row = before + j * row_;
    T *re = s.points + j * row_, *im = re + padded_;
    for (std::size_t r = 0, k = 0; r < regions; ++r)
      for (const T c = turn_re[r], d = turn_im[r]; k < ends_[r]; ++k) {
        re[k] = c * row[2 * k] - d * row[2 * k + 1];
        im[k] = c * row[2 * k + 1] + d * row[2 * k];
      }
  }
  take_phases(s);
}

template <class T>
void OnlineInversion<T>::start_from_overlap(std::size_t channel, const InversionStep<T>& s) {
  const Progress& p = progress_[channel];
  const OverlapGain<T> gain = plan_->gain(p.received);
  for (std::size_t j = 0; j < s.sources; ++j) {
    T* y = samples_.data() + j * span_;
    normalise(gain, sums(channel, j) + (p.received - p.settled) * plan_->hop(), p.received * plan_->hop(), plan_->n_fft(), y);
    forward(y, s.points + j * row_);
  }
  take_phases(s);
}

template <class T>
void OnlineInversion<T>::take_phases(InversionStep<T> s) {
  s.update = Update::griffin_lim;
  kernels_.step(s);
}

template <class T>
void OnlineInversion<T>::forward(const T* samples, T* row) {
  plan_->frame().kernels().forward_planar(plan_->frame().view(), samples, row, row + padded_, scratch_.data());
  std::fill(row + bins_, row + padded_, T(0));
  std::fill(row + padded_ + bins_, row + row_, T(0));
}

template <class T>
void OnlineInversion<T>::add_samples(std::size_t channel, std::size_t t) {
  const std::size_t at = (t - progress_[channel].settled) * plan_->hop();
  for (std::size_t j = 0; j < sources(); ++j) {
    const T* row = points_.data() + j * row_;
    plan_->frame().kernels().inverse_add_planar(plan_->frame().view(), row, row + padded_, sums(channel, j) + at, plan_->fresh(t),
                                                scratch_.data());
  }
}

template <class T>
void OnlineInversion<T>::normalise(const OverlapGain<T>& gain, const T* sums, std::size_t first, std::size_t count, T* samples) const {
  gain.apply(plan_->frame().kernels(), first, count, sums, samples);
  if (first < plan_->lead()) std::fill_n(samples, std::min(count, plan_->lead() - first), T(0));
  if (end_ < first + count) std::fill(samples + (std::max(end_, first) - first), samples + count, T(0));
}

template <class T>
void OnlineInversion<T>::iterate(std::size_t channel, std::size_t n_iter, std::size_t count) {
  const Progress& p = progress_[channel];
  const std::size_t hop = plan_->hop(), frames = p.received - p.settled, span = (frames - 1) * hop + plan_->n_fft();
  const OverlapGain<T> gain = plan_->gain(p.received);
  for (std::size_t i = 0; i < n_iter; ++i) {
    for (std::size_t j = 0; j < sources(); ++j) {
      normalise(gain, sums(channel, j), p.settled * hop, span, samples_.data() + j * span_);
      std::copy_n(past(channel, j), overlap_, sums(channel, j));
    }
    const bool last = i + 1 == n_iter;
    for (std::size_t f = 0; f < frames; ++f) {
      update(channel, p.settled + f, last, last && f < count);
      add_samples(channel, p.settled + f);
      if (last && f + 1 == count)
        for (std::size_t j = 0; j < sources(); ++j) std::copy_n(sums(channel, j) + count * hop, overlap_, past(channel, j));
    }
  }
  settle(channel, count);
}

template <class T>
void OnlineInversion<T>::update(std::size_t channel, std::size_t t, bool last, bool settles) {
  InversionStep<T> s = step_at(channel, t);
  const T* samples = samples_.data() + (t - progress_[channel].settled) * plan_->hop();
  for (std::size_t j = 0; j < s.sources; ++j) forward(samples + j * span_, s.points + j * row_);
  if (previous_.size() > 0) {
    T* before = previous_.data() + slot(channel, t) * s.sources * row_;
    kernels_.extrapolate(s.points, before, s.sources * row_, T(1), -options_.momentum, s.points, before);
  }
  if (!last && !refers_to_estimate(s.update)) s.spectra = nullptr;  // the samples are all that the next iteration needs
  if (options_.magnitude_last) {
    kernels_.mix(s);
    take_phases(s);
  } else {
    s.evaluate = settles && s.update == Update::reflection;  // the result is the point on the mixture, not the state
    kernels_.step(s);
  }
}

template <class T>
void OnlineInversion<T>::settle(std::size_t channel, std::size_t count) {
  Progress& p = progress_[channel];
  const std::size_t hop = plan_->hop(), span = (p.received - p.settled - 1) * hop + plan_->n_fft(), gone = std::min(count * hop, span);
  for (std::size_t j = 0; j < sources(); ++j) std::copy(sums(channel, j) + gone, sums(channel, j) + span, sums(channel, j));
  p.settled += count;
}

template class OnlineInversion<float>;
template class OnlineInversion<double>;

}  // namespace phasewise
