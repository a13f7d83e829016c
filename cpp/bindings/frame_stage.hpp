// The stage of a method that works frame by frame, as Python holds it.
#pragma once

#include <memory>
#include <mutex>

#include "arrays.hpp"
#include "phasewise/frame_method.hpp"

namespace phasewise::bindings {

// Two threads that share a stream get a wrong order, but no broken memory.
template <class T>
class Stage {
 public:
  using Complex = std::complex<T>;
  using Plan = std::shared_ptr<const StftPlan<T>>;
  // An array (channels, sources, ...) of which only what belongs to a source must be contiguous.
  template <class U>
  using SourceArray = py::array_t<U, 0>;

  Stage(Plan plan, std::size_t channels, std::unique_ptr<FrameMethod<T>> method)
      : core_(std::move(plan), channels, std::move(method)), rows_(channels * core_.sources()) {}

  std::size_t received() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return core_.received();
  }
  std::size_t latency() const { return core_.latency(); }
  std::size_t settled(std::size_t frames) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return core_.settled(frames);
  }
  std::size_t unsettled() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return core_.unsettled();
  }
  void reset() {
    const std::lock_guard<std::mutex> lock(mutex_);
    core_.reset();
  }
  void push(const Optional<Complex>& mixture, const Array<T>& magnitudes, SourceArray<T>& out, const std::optional<Array<bool>>& onsets) {
    const FrameBlock<T> block = block_of(mixture, magnitudes, onsets);
    const Access<T> signals = access<T>(out);
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(mutex_);
    check_shape(out, {core_.channels(), core_.sources(), block.frames * core_.plan().hop()}, "out");
    core_.push(block, point(signals));
  }
  void flush(std::size_t length, SourceArray<T>& out) {
    const Access<T> signals = access<T>(out);
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::size_t all = core_.latency() + length, done = core_.received() * core_.plan().hop();
    check(all >= done, "length is less than what was returned");
    check_shape(out, {core_.channels(), core_.sources(), all - done}, "out");
    core_.flush(length, point(signals));
  }
  void push_spectra(const Optional<Complex>& mixture, const Array<T>& magnitudes, SourceArray<Complex>& out,
                    const std::optional<Array<bool>>& onsets) {
    const FrameBlock<T> block = block_of(mixture, magnitudes, onsets);
    const Access<T> spectra = access<T>(out);
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(mutex_);
    check_shape(out, {core_.channels(), core_.sources(), core_.settled(block.frames), core_.plan().bins()}, "out");
    core_.push_spectra(block, point(spectra));
  }
  void flush_spectra(SourceArray<Complex>& out) {
    const Access<T> spectra = access<T>(out);
    const py::gil_scoped_release release;
    const std::lock_guard<std::mutex> lock(mutex_);
    check_shape(out, {core_.channels(), core_.sources(), core_.unsettled(), core_.plan().bins()}, "out");
    core_.flush_spectra(point(spectra));
  }

 private:
  FrameBlock<T> block_of(const Optional<Complex>& mixture, const Array<T>& magnitudes, const std::optional<Array<bool>>& onsets) const {
    FrameBlock<T> block;
    block.magnitudes = input(magnitudes, "magnitudes", 4);
    block.frames = extent(magnitudes, 2);
    const std::size_t channels = core_.channels(), sources = core_.sources(), bins = core_.plan().bins();
    check_shape(magnitudes, {channels, sources, block.frames, bins}, "magnitudes");
    check(mixture.has_value() == core_.takes_mixture(), "a mixture belongs to methods that take one");
    if (mixture) {
      block.mixture = input(*mixture, "mixture", 3);
      check_shape(*mixture, {channels, block.frames, bins}, "mixture");
    }
    if (onsets) {
      block.onsets = reinterpret_cast<const unsigned char*>(input(*onsets, "onsets", 3));
      check_shape(*onsets, {channels, sources, block.frames}, "onsets");
    }
    return block;
  }

  // Where the rows of a result lie: taken while the interpreter's lock is held, followed while the mutex is.
  template <class U>
  struct Access {
    char* data;
    py::ssize_t channel, source;
  };
  template <class U, class V>
  static Access<U> access(SourceArray<V>& out) {
    check(out.ndim() >= 3, "out has too few axes");
    char* data = reinterpret_cast<char*>(out.mutable_data());  // throws for read-only arrays
    check(reinterpret_cast<std::uintptr_t>(data) % alignof(U) == 0, "out is not aligned to its element size");
    py::ssize_t stride = out.itemsize();
    if (out.size() > 0)
      for (py::ssize_t axis = out.ndim() - 1; axis > 1; --axis) {
        check(out.shape(axis) <= 1 || out.strides(axis) == stride, "the sources of out must be contiguous");
        stride *= out.shape(axis);
      }
    for (py::ssize_t axis = 0; axis < 2; ++axis)
      check(out.strides(axis) % static_cast<py::ssize_t>(alignof(U)) == 0, "out is not aligned to its element size");
    return {data, out.strides(0), out.strides(1)};
  }
  T* const* point(const Access<T>& access) {
    for (std::size_t c = 0; c < core_.channels(); ++c)
      for (std::size_t j = 0; j < core_.sources(); ++j)
        rows_[c * core_.sources() + j] =
            reinterpret_cast<T*>(access.data + static_cast<py::ssize_t>(c) * access.channel + static_cast<py::ssize_t>(j) * access.source);
    return rows_.data();
  }

  FrameStage<T> core_;
  std::vector<T*> rows_;
  std::mutex mutex_;
};

}  // namespace phasewise::bindings
