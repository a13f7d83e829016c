// From the options of a factorisation and its data to the rule that the kernels follow.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "phasewise/kernels/nmf_table.hpp"
#include "phasewise/nmf.hpp"
#include "phasewise/threads.hpp"

namespace phasewise {

// One matrix of a batch with its weights.
template <class T>
struct NmfData {
  const T* v;
  std::size_t frames, freq;
  const T* weights;  // or nullptr
  std::size_t weights_frame;
};

struct Extent {
  double mean, peak;
};

// Mean and peak of the entries of positive weight, frame by frame in a fixed order; 1 where all are zero.
template <class T>
Extent measure(const NmfData<T>& data) {
  std::vector<double> sums(data.frames), peaks(data.frames);
  std::vector<std::size_t> counts(data.frames);
  parallel_for(data.frames, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t) {
      double sum = 0;
      T most = 0;
      for (std::size_t f = 0; f < data.freq; ++f) {
        if (data.weights != nullptr && !(data.weights[t * data.weights_frame + f] > 0)) continue;
        sum += static_cast<double>(data.v[t * data.freq + f]);
        most = std::max(most, data.v[t * data.freq + f]);
        ++counts[t];
      }
      sums[t] = sum;
      peaks[t] = static_cast<double>(most);
    }
  });
  double sum = 0, peak = 0;
  std::size_t count = 0;
  for (std::size_t t = 0; t < data.frames; ++t) {
    sum += sums[t];
    peak = std::max(peak, peaks[t]);
    count += counts[t];
  }
  return peak > 0 ? Extent{sum / static_cast<double>(count), peak} : Extent{1, 1};
}

inline double update_exponent(double beta, bool quadratic) {
  if (beta <= 2 && quadratic) return 1 / (3 - beta);
  return beta < 1 ? 1 / (2 - beta) : beta <= 2 ? 1 : 1 / (beta - 1);
}

// Weights leave no sum or product that all entries share.
inline NmfKind kind_of(double beta, bool weighted) {
  if (weighted) return NmfKind::general;
  return beta == 2 ? NmfKind::euclidean : beta == 1 ? NmfKind::kullback_leibler : NmfKind::general;
}

// The power of two below the peak of V, inverted: V and W are multiplied by it, so that floors and ranges are the same for
// every scale.
template <class T>
double scale_of(const Extent& extent) {
  constexpr int limit = sizeof(T) == 4 ? 120 : 1000;
  return std::ldexp(1.0, -std::clamp(std::ilogb(extent.peak), -limit, limit));
}

template <class T>
NmfRule<T> make_rule(const NmfOptions& options, const Extent& extent, double scale, bool weighted, bool smooth) {
  // Model floor relative to max(V) and data floor relative to mean(V), as in the numpy twin.
  constexpr double model_floor = 1e-12, data_floor = 1e-10, most = sizeof(T) == 4 ? 1e30 : 1e200;
  const double beta = options.beta;
  NmfRule<T> rule{};
  rule.kind = kind_of(beta, weighted);
  rule.beta = beta;
  rule.scale = static_cast<T>(scale);
  rule.data_floor = static_cast<T>(beta <= 0 ? data_floor * extent.mean * scale : 0);
  // The powers beta - 1 and beta - 2 of the model stay within [1 / most, most], and for the cost also the power beta.
  const double steepest = std::max({std::abs(beta - 1), std::abs(beta - 2), 1.0});
  rule.model_floor = static_cast<T>(std::max(model_floor * extent.peak * scale, std::pow(most, -1 / steepest)));
  rule.model_limit = beta == 1 ? std::numeric_limits<T>::max() : static_cast<T>(std::pow(most, 1 / std::max(steepest, std::abs(beta))));
  rule.most = static_cast<T>(most);
  rule.factor_limit = static_cast<T>(std::sqrt(most));
  const auto scaled = [&](double weight, double power) { return static_cast<T>(std::min(weight * std::pow(scale, power), most)); };
  const auto penalty = [&](double l1, double l2, bool quadratic) {
    return NmfPenalty<T>{static_cast<T>(l1), static_cast<T>(l2), nullptr, update_exponent(beta, quadratic), quadratic && beta == 1};
  };
  const bool guard = options.guard_l2;
  rule.smooth_h = smooth ? scaled(options.smooth_h, beta) : T(0);
  rule.group_h = scaled(options.group_h, beta);
  rule.group_scale = static_cast<T>(options.group_scale);
  // With normalised columns the weight of sum(H) depends on the column: see `each`.
  rule.h = penalty(options.normalize_w ? T(0) : scaled(options.l1_h, beta), scaled(options.l2_h, beta),
                   (guard && options.l2_h > 0) || smooth);
  rule.w = penalty(scaled(options.l1_w, beta - 1), scaled(options.l2_w, beta - 2), guard && options.l2_w > 0);
  return rule;
}

}  // namespace phasewise
