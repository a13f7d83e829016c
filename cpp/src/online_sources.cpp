#include "phasewise/online_sources.hpp"

#include <algorithm>
#include <stdexcept>

#include "regions.hpp"

namespace phasewise {

template <class T>
OnlineStarts<T>::OnlineStarts(const StftPlan<T>& plan, std::size_t channels, std::size_t sources)
    : kernels_(phase_kernels<T>(plan.isa())),
      channels_(channels),
      sources_(sources),
      bins_(plan.bins()),
      turn_stride_(bins_ + region_group),
      hops_(static_cast<double>(plan.hop()) / static_cast<double>(plan.n_fft())),
      starts_(sources),
      magnitudes_(sources * bins_),
      phasors_(2 * channels * sources * bins_),
      turns_(2 * sources * turn_stride_),
      summits_(bins_ / 2 + 1),
      ends_(bins_),
      advances_(summits_.size()),
      cycles_(bins_),
      region_turns_(2 * bins_) {
  if (sources == 0) throw std::invalid_argument("There must be a source.");
}

template <class T>
void OnlineStarts<T>::reset() {
  begun_ = false;
}

template <class T>
void OnlineStarts<T>::find_turns(std::size_t source, const T* v) {
  const std::size_t count = find_regions(kernels_, v, bins_, hops_, summits_.data(), advances_.data(), ends_.data(), cycles_.data());
  T *turn_re = region_turns_.data(), *turn_im = turn_re + bins_;
  kernels_.turns(cycles_.data(), turn_re, turn_im, count);
  T *re = turns_.data() + source * turn_stride_, *im = re + sources_ * turn_stride_;
  for (std::size_t region = 0, begin = 0; region < count; begin = ends_[region++])
    fill_region(turn_re[region], turn_im[region], begin, ends_[region], re, im);
}

template <class T>
template <class Block>
void OnlineStarts<T>::prepare(Block& block, std::size_t channel, const SourceFrame<T>& frame, T* estimate) {
  block.sources = sources_;
  block.bins = bins_;
  block.mixture = frame.mixture;
  block.magnitudes = magnitudes_.data();
  block.stride = bins_;
  block.re = phasors_.data() + channel * sources_ * bins_;
  block.im = block.re + channels_ * sources_ * bins_;
  block.state_stride = bins_;
  block.turn_re = turns_.data();
  block.turn_im = block.turn_re + sources_ * turn_stride_;
  block.turn_stride = turn_stride_;
  block.starts = starts_.data();
  block.out = estimate;
  for (std::size_t j = 0; j < sources_; ++j) {
    const T* v = frame.magnitudes + j * frame.stride;
    std::copy(v, v + bins_, magnitudes_.data() + j * bins_);
    const bool restart = !begun_ || (frame.onsets != nullptr && frame.onsets[j * frame.onset_stride] != 0);
    starts_[j] = restart ? PhaseStart::mixture : PhaseStart::turned;
    if (!restart) find_turns(j, v);
  }
}

template <class T>
OnlineMixing<T>::OnlineMixing(const StftPlan<T>& plan, std::size_t channels, const OnlineMixingOptions<T>& options)
    : options_(options),
      starts_(plan, channels, options.sources),
      bins_(plan.bins()),
      weights_(options.weighting == Weighting::given ? options.sources * bins_ : 0),
      scratch_(7 * options.sources * starts_.kernels().mixing_tile) {
  if (options.weighting != Weighting::given) return;
  if (options.shares.size() != options.sources) throw std::invalid_argument("There must be one share per source.");
  for (std::size_t j = 0; j < options.sources; ++j)
    std::fill(weights_.data() + j * bins_, weights_.data() + (j + 1) * bins_, options.shares[j]);
}

template <class T>
void OnlineMixing<T>::take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) {
  MixingBlock<T> block{};
  starts_.prepare(block, channel, frame, estimate);
  block.weighting = options_.weighting;
  block.weights = weights_.size() > 0 ? weights_.data() : nullptr;
  block.refresh = options_.refresh;
  block.n_iter = options_.n_iter;
  block.anchor = options_.anchor;
  block.scratch = scratch_.data();
  starts_.kernels().mixing(block);
}

template <class T>
OnlineAnisotropic<T>::OnlineAnisotropic(const StftPlan<T>& plan, std::size_t channels, const std::vector<double>& concentrations)
    : kernels_(filter_kernels<T>(plan.isa())),
      starts_(plan, channels, concentrations.size()),
      moments_(concentrations.data(), concentrations.size()),
      scratch_(5 * concentrations.size() * kernels_.bins_at_once) {}

template <class T>
void OnlineAnisotropic<T>::take(std::size_t channel, const SourceFrame<T>& frame, T* estimate) {
  AnisotropicBlock<T> block{};
  starts_.prepare(block, channel, frame, estimate);
  block.mean = moments_.mean.data();
  block.variance = moments_.variance.data();
  block.relation = moments_.relation.data();
  block.circular = moments_.circular;
  block.scratch = scratch_.data();
  kernels_.anisotropic(block);
}

template class OnlineStarts<float>;
template class OnlineStarts<double>;
template class OnlineMixing<float>;
template class OnlineMixing<double>;
template class OnlineAnisotropic<float>;
template class OnlineAnisotropic<double>;

}  // namespace phasewise
