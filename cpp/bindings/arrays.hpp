// The array policy of the binding: C order, exact dtype, aligned, no copies. Python validates and explains; these checks
// are the safety net.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <complex>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace phasewise::bindings {

namespace py = pybind11;

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class A>
void check_aligned(const A& array, const char* name, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(array.data()) % alignment != 0)
    throw std::invalid_argument(std::string(name) + " is not aligned to its element size");
}

// Pointer to the elements, complex numbers as interleaved real scalars.
template <class T>
const T* input(const Array<T>& array, const char* name, py::ssize_t ndim) {
  if (array.ndim() != ndim) throw std::invalid_argument(std::string(name) + " must have " + std::to_string(ndim) + " axes");
  check_aligned(array, name, alignof(T));
  return array.data();
}
template <class T>
const T* input(const Array<std::complex<T>>& array, const char* name, py::ssize_t ndim) {
  if (array.ndim() != ndim) throw std::invalid_argument(std::string(name) + " must have " + std::to_string(ndim) + " axes");
  check_aligned(array, name, alignof(T));
  return reinterpret_cast<const T*>(array.data());
}
template <class T>
T* output(Array<T>& array, const char* name, py::ssize_t ndim) {
  input<T>(array, name, ndim);
  return array.mutable_data();  // throws for read-only arrays
}
template <class T>
T* output(Array<std::complex<T>>& array, const char* name, py::ssize_t ndim) {
  input<T>(array, name, ndim);
  return reinterpret_cast<T*>(array.mutable_data());
}

template <class A>
std::size_t extent(const A& array, py::ssize_t axis) {
  return static_cast<std::size_t>(array.shape(axis));
}

// An array that may lie anywhere in memory: strided, reversed, transposed.
template <class T>
using Strided = py::array_t<T, 0>;

template <class T>
struct ScalarsPer {
  using Scalar = T;
  static constexpr std::ptrdiff_t count = 1;
};
template <class T>
struct ScalarsPer<std::complex<T>> {
  using Scalar = T;
  static constexpr std::ptrdiff_t count = 2;
};

// Distances of the last `inner` axes of an array, and where the items of all others start; counted in scalars.
template <class T>
class Layout {
 public:
  Layout(const Strided<T>& array, const char* name, py::ssize_t inner) : data_(reinterpret_cast<const Scalar*>(array.data())) {
    if (array.ndim() < inner) throw std::invalid_argument(std::string(name) + " has too few axes");
    check_aligned(array, name, alignof(Scalar));
    const py::ssize_t outer = array.ndim() - inner;
    for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
      if (array.strides(axis) % static_cast<py::ssize_t>(sizeof(Scalar)) != 0)
        throw std::invalid_argument(std::string(name) + " has elements off the grid of its scalars");
      if (axis >= outer) strides_.push_back(distance(array, axis));
    }
    offsets_.push_back(0);
    for (py::ssize_t axis = 0; axis < outer; ++axis) {
      std::vector<std::ptrdiff_t> finer;
      finer.reserve(offsets_.size() * static_cast<std::size_t>(array.shape(axis)));
      for (const std::ptrdiff_t offset : offsets_)
        for (py::ssize_t i = 0; i < array.shape(axis); ++i) finer.push_back(offset + i * distance(array, axis));
      offsets_ = std::move(finer);
    }
  }

  using Scalar = typename ScalarsPer<T>::Scalar;
  const Scalar* data() const { return data_; }
  std::size_t batch() const { return offsets_.size(); }
  const std::ptrdiff_t* offsets() const { return offsets_.data(); }
  std::ptrdiff_t stride(std::size_t axis) const { return strides_[axis]; }

 private:
  static std::ptrdiff_t distance(const Strided<T>& array, py::ssize_t axis) {
    return array.strides(axis) / static_cast<std::ptrdiff_t>(sizeof(Scalar));
  }

  const Scalar* data_;
  std::vector<std::ptrdiff_t> strides_, offsets_;
};

template <class T>
using Optional = std::optional<Array<T>>;

template <class A>
void check_shape(const A& array, std::initializer_list<std::size_t> shape, const char* name) {
  py::ssize_t axis = 0;
  for (const std::size_t n : shape)
    if (extent(array, axis++) != n) throw std::invalid_argument(std::string(name) + " does not have the shape of the problem");
}

// Lets Ctrl-C stop a long run; called from it without the interpreter's lock.
inline void check_signals() {
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

inline void check(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

}  // namespace phasewise::bindings
