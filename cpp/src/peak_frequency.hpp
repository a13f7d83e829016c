// Where between the bins a spectral peak lies.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace phasewise {

// In bins: the summit of the parabola through the log magnitudes of the peak's bin and its neighbours, or the bin itself
// where rounding leaves no parabola. v[k - 1] < v[k] >= v[k + 1]
template <class T>
double peak_frequency(const T* v, std::size_t k) {
  constexpr double log_floor = 1e-6;  // relative to the peak
  const double peak = static_cast<double>(v[k]), floor = log_floor * peak;
  const double a = std::log(std::max(static_cast<double>(v[k - 1]), floor)), b = std::log(peak);
  const double c = std::log(std::max(static_cast<double>(v[k + 1]), floor));
  const double bend = 2 * (2 * b - a - c);
  return static_cast<double>(k) + (bend > 0 ? std::clamp((c - a) / bend, -0.5, 0.5) : 0.0);
}

}  // namespace phasewise
