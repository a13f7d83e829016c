#pragma once

#include "arrays.hpp"
#include "phasewise/sinusoidal.hpp"

namespace phasewise::bindings {

// Phases as angles or as complex values; at most one is given.
template <class T>
PhaseArray<T> phases(const Optional<T>& angles, const Optional<std::complex<T>>& values, const char* name,
                     std::initializer_list<std::size_t> shape) {
  check(!angles || !values, "give phases as angles or as complex values, not both");
  const py::ssize_t ndim = static_cast<py::ssize_t>(shape.size());
  if (angles) {
    const T* pointer = input(*angles, name, ndim);
    check_shape(*angles, shape, name);
    return {pointer, false};
  }
  if (values) {
    const T* pointer = input(*values, name, ndim);
    check_shape(*values, shape, name);
    return {pointer, true};
  }
  return {};
}

}  // namespace phasewise::bindings
