// Signals of many rows that a sweep over the frames reads while it writes the next ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "phasewise/aligned.hpp"

namespace phasewise {

// They are written in place, or (`two`: where a frame may read what it does not cover) beside.
template <class T>
class SignalSet {
 public:
  SignalSet() = default;
  // In `given` memory, rows `stride` scalars apart, or in memory of its own.
  SignalSet(std::size_t rows, std::size_t length, T* given, std::size_t stride, bool two)
      : own_(given == nullptr ? rows * length : 0), beside_(two ? rows * length : 0), rows_(rows), length_(length) {
    front_ = given == nullptr ? own_.data() : given;
    front_stride_ = given == nullptr ? length : stride;
    back_ = two ? beside_.data() : front_;
    back_stride_ = two ? length : front_stride_;
  }

  const T* read(std::size_t row) const { return front_ + row * front_stride_; }
  T* front() { return front_; }
  std::size_t stride() const { return front_stride_; }
  T* back() { return back_; }
  std::size_t back_stride() const { return back_stride_; }
  // What was written is read from now on.
  void turn() {
    std::swap(front_, back_);
    std::swap(front_stride_, back_stride_);
  }
  void copy_to(T* out) const {
    for (std::size_t row = 0; row < rows_; ++row)
      if (read(row) != out + row * length_) std::copy_n(read(row), length_, out + row * length_);
  }

 private:
  AlignedBuffer<T> own_, beside_;
  std::size_t rows_ = 0, length_ = 0;
  T *front_ = nullptr, *back_ = nullptr;
  std::size_t front_stride_ = 0, back_stride_ = 0;
};

}  // namespace phasewise
