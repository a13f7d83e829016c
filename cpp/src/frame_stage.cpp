#include <algorithm>
#include <stdexcept>
#include <utility>

#include "phasewise/frame_method.hpp"

namespace phasewise {
namespace {

template <class T>
std::size_t signal_count(const std::unique_ptr<FrameMethod<T>>& method, std::size_t channels) {
  if (method == nullptr) throw std::invalid_argument("A stage needs a method.");
  return channels * method->sources();
}

}  // namespace

template <class T>
FrameStage<T>::FrameStage(std::shared_ptr<const StftPlan<T>> plan, std::size_t channels, std::unique_ptr<FrameMethod<T>> method)
    : plan_(std::move(plan)),
      channels_(channels),
      method_(std::move(method)),
      synthesis_(plan_, signal_count(method_, channels)),
      spectra_(2 * channels * sources() * plan_->bins()),
      spare_(channels * sources() * plan_->hop()),
      rows_(channels * sources()),
      signals_(rows_.size()) {
  for (std::size_t s = 0; s < rows_.size(); ++s) rows_[s] = spectra_.data() + 2 * s * plan_->bins();
}

template <class T>
void FrameStage<T>::take(const FrameBlock<T>& block, std::size_t frame) {
  const std::size_t bins = plan_->bins();
  SourceFrame<T> one;
  one.stride = block.frames * bins;
  one.onset_stride = block.frames;
  for (std::size_t c = 0; c < channels_; ++c) {
    if (block.mixture != nullptr) one.mixture = block.mixture + 2 * (c * block.frames + frame) * bins;
    one.magnitudes = block.magnitudes + (c * sources() * block.frames + frame) * bins;
    if (block.onsets != nullptr) one.onsets = block.onsets + c * sources() * block.frames + frame;
    method_->take(c, one, spectra_.data() + 2 * c * sources() * bins);
  }
  method_->advance();
  ++received_;
}

template <class T>
void FrameStage<T>::finish() {
  for (std::size_t c = 0; c < channels_; ++c) method_->finish(c, spectra_.data() + 2 * c * sources() * plan_->bins());
  method_->advance();
}

template <class T>
void FrameStage<T>::push(const FrameBlock<T>& block, T* const* signal) {
  const std::size_t hop = plan_->hop();
  for (std::size_t f = 0; f < block.frames; ++f) {
    const std::size_t position = received_ * hop, zeros = std::min(hop, latency() - std::min(latency(), position));
    take(block, f);
    for (std::size_t s = 0; s < rows_.size(); ++s) {
      signals_[s] = signal[s] + f * hop;
      std::fill(signals_[s], signals_[s] + zeros, T(0));
      signals_[s] += zeros;
    }
    if (received_ > lookahead()) synthesis_.push(rows_.data(), 1, signals_.data());
  }
}

template <class T>
void FrameStage<T>::flush(std::size_t length, T* const* signal) {
  const std::size_t position = received_ * plan_->hop(), zeros = latency() - std::min(latency(), position);
  std::size_t done = position - std::min(latency(), position), at = zeros;
  for (std::size_t s = 0; s < rows_.size(); ++s) std::fill(signal[s], signal[s] + zeros, T(0));
  method_->conclude(length);
  for (std::size_t left = unsettled(); left > 0; --left) {
    finish();
    const std::size_t made = synthesis_.samples(1), wanted = std::min(made, length - done);
    const bool all = made == wanted;
    for (std::size_t s = 0; s < rows_.size(); ++s) signals_[s] = all ? signal[s] + at : spare_.data() + s * plan_->hop();
    synthesis_.push(rows_.data(), 1, signals_.data());
    if (!all)
      for (std::size_t s = 0; s < rows_.size(); ++s) std::copy(signals_[s], signals_[s] + wanted, signal[s] + at);
    at += wanted;
    done += wanted;
  }
  if (synthesis_.returned() <= length) {
    for (std::size_t s = 0; s < rows_.size(); ++s) signals_[s] = signal[s] + at;
    synthesis_.flush(length, signals_.data());
  }
  reset();
}

template <class T>
std::size_t FrameStage<T>::settled(std::size_t frames) const {
  const std::size_t all = received_ + frames, behind = lookahead();
  return all - std::min(all, behind) - (received_ - std::min(received_, behind));
}

template <class T>
void FrameStage<T>::save(T* const* estimate, std::size_t frame) const {
  const std::size_t width = 2 * plan_->bins();
  for (std::size_t s = 0; s < rows_.size(); ++s) std::copy(rows_[s], rows_[s] + width, estimate[s] + frame * width);
}

template <class T>
void FrameStage<T>::push_spectra(const FrameBlock<T>& block, T* const* estimate) {
  std::size_t saved = 0;
  for (std::size_t f = 0; f < block.frames; ++f) {
    take(block, f);
    if (received_ > lookahead()) save(estimate, saved++);
  }
}

template <class T>
void FrameStage<T>::flush_spectra(T* const* estimate) {
  const std::size_t left = unsettled();
  method_->conclude(plan_->samples(received_));
  for (std::size_t f = 0; f < left; ++f) {
    finish();
    save(estimate, f);
  }
  reset();
}

template <class T>
void FrameStage<T>::reset() {
  method_->reset();
  synthesis_.reset();
  received_ = 0;
}

template class FrameStage<float>;
template class FrameStage<double>;

}  // namespace phasewise
