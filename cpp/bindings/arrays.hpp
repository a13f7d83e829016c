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
