#include "phasewise/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

constexpr std::size_t frames_per_task = 8, block = 64;
// Distance from the Wiener estimate, relative to its expected error: below the first, estimates are not believed at all;
// above the second, fully. It is about 1 for true magnitudes, 0.6 to 1 for factorisations of the true sources, and 0.2 to
// 0.35 for magnitudes of blind dictionaries.
constexpr double blurred = 0.35, sharp = 0.65;

// Up to `block` neighbouring bins of one frame. Values are taken relative to the largest magnitude of their bin, so that
// squares neither overflow nor vanish.
template <class T>
struct Bins {
  const T *x, *v;  // mixture (complex), magnitudes
  std::size_t sources, stride, count;
  T largest[block], scale[block], squares[block];

  Bins(const Agreement<T>& g, std::size_t b, std::size_t t, std::size_t k)
      : x(g.mixture + 2 * ((b * g.frames + t) * g.bins + k)),
        v(g.magnitudes + (b * g.sources * g.frames + t) * g.bins + k),
        sources(g.sources),
        stride(g.frames * g.bins),
        count(std::min(block, g.bins - k)) {
    std::fill_n(largest, block, T(0));
    std::fill_n(squares, block, T(0));
    for (std::size_t j = 0; j < sources; ++j)
      for (std::size_t i = 0; i < count; ++i) largest[i] = std::max(largest[i], v[j * stride + i]);
    for (std::size_t i = 0; i < count; ++i) scale[i] = largest[i] > T(0) ? T(1) / largest[i] : T(1);
    for (std::size_t j = 0; j < sources; ++j)
      for (std::size_t i = 0; i < count; ++i) squares[i] += relative(j, i) * relative(j, i);
  }
  T relative(std::size_t j, std::size_t i) const { return v[j * stride + i] * scale[i]; }
  T share(std::size_t j, std::size_t i) const {
    return squares[i] > T(0) ? relative(j, i) * relative(j, i) / squares[i] : T(1) / static_cast<T>(sources);
  }
};

// body(bins, offset of source 0 in arrays laid out as the magnitudes, b, t)
template <class T, class Body>
void for_blocks(const Agreement<T>& g, const Body& body) {
  parallel_for(g.batch * g.frames, frames_per_task, [&](std::size_t first, std::size_t last) {
    for (std::size_t n = first; n < last; ++n) {
      const std::size_t b = n / g.frames, t = n % g.frames, at = (b * g.sources * g.frames + t) * g.bins;
      for (std::size_t k = 0; k < g.bins; k += block) body(Bins<T>(g, b, t, k), at + k, n);
    }
  });
}

template <class T>
void close_polygons(const Bins<T>& bins, T* out) {
  T total[block] = {}, step[block], sign[block];
  for (std::size_t j = 0; j < bins.sources; ++j)
    for (std::size_t i = 0; i < bins.count; ++i) total[i] += bins.v[j * bins.stride + i];
  for (std::size_t i = 0; i < bins.count; ++i) {
    const T target = std::sqrt(bins.x[2 * i] * bins.x[2 * i] + bins.x[2 * i + 1] * bins.x[2 * i + 1]);
    const T lacking = target - total[i], excess = (bins.largest[i] - (total[i] - bins.largest[i])) - target;
    step[i] = std::max(std::max(lacking, excess), T(0));
    sign[i] = excess > lacking ? T(-1) : T(1);  // of the largest magnitude's change; the first of equals
  }
  for (std::size_t j = 0; j < bins.sources; ++j)
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T v = bins.v[j * bins.stride + i], change = step[i] * bins.share(j, i);
      const bool is_largest = v == bins.largest[i];
      out[j * bins.stride + i] = std::max(v + (is_largest ? sign[i] * change : change), T(0));
      if (is_largest) sign[i] = T(1);
    }
}

template <class T>
void blend(const Bins<T>& bins, const T* prior, T* estimate, T believed) {
  T mismatch[block] = {}, expected[block] = {}, lacking[2 * block];
  std::copy_n(bins.x, 2 * bins.count, lacking);
  for (std::size_t j = 0; j < bins.sources; ++j) {
    const T* s = estimate + 2 * j * bins.stride;
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T re = s[2 * i] * bins.scale[i], im = s[2 * i + 1] * bins.scale[i], v = bins.relative(j, i);
      const T difference = std::sqrt(re * re + im * im) - v;
      mismatch[i] += difference * difference;
      expected[i] += v * v * (T(1) - bins.share(j, i));
    }
    if (prior != nullptr)
      for (std::size_t i = 0; i < 2 * bins.count; ++i) lacking[i] -= prior[2 * j * bins.stride + i];
  }
  for (std::size_t i = 0; i < bins.count; ++i) {
    const T sum = mismatch[i] + expected[i];
    mismatch[i] = T(1) - (expected[i] > T(0) ? believed * expected[i] / sum : T(0));  // how far to go to the prior
  }
  for (std::size_t j = 0; j < bins.sources; ++j)
    for (std::size_t i = 0; i < bins.count; ++i)
      for (std::size_t c = 0; c < 2; ++c) {
        T& s = estimate[2 * (j * bins.stride + i) + c];
        const T from = prior == nullptr ? T(0) : prior[2 * (j * bins.stride + i) + c];
        s += mismatch[i] * (from + bins.share(j, i) * lacking[2 * i + c] - s);
      }
}

// Adds the squared distance from the Wiener estimate, and what the model expects of it.
template <class T>
void add_distances(const Bins<T>& bins, const T* estimate, double& distance, double& expected) {
  T moved[block] = {}, error[block] = {};
  for (std::size_t j = 0; j < bins.sources; ++j) {
    const T* s = estimate + 2 * j * bins.stride;
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T share = bins.share(j, i), v = bins.relative(j, i);
      const T re = (share * bins.x[2 * i] - s[2 * i]) * bins.scale[i], im = (share * bins.x[2 * i + 1] - s[2 * i + 1]) * bins.scale[i];
      moved[i] += re * re + im * im;
      error[i] += v * v * (T(1) - share);
    }
  }
  for (std::size_t i = 0; i < bins.count; ++i) {
    const double unit = static_cast<double>(bins.largest[i]) * static_cast<double>(bins.largest[i]);
    distance += unit * static_cast<double>(moved[i]);
    expected += unit * static_cast<double>(error[i]);
  }
}

}  // namespace

template <class T>
void feasible_magnitudes(const Agreement<T>& given, T* feasible) {
  for_blocks(given, [&](const Bins<T>& bins, std::size_t at, std::size_t) { close_polygons(bins, feasible + at); });
}

template <class T>
void blend_with_prior(const Agreement<T>& given, const T* prior, T* estimate, double* trust) {
  std::vector<double> distances(given.batch * given.frames), errors(distances.size());
  for_blocks(given, [&](const Bins<T>& bins, std::size_t at, std::size_t frame) {
    add_distances(bins, estimate + 2 * at, distances[frame], errors[frame]);
  });
  for (std::size_t b = 0; b < given.batch; ++b) {
    double distance = 0, error = 0;  // in a fixed order, whoever computed the terms
    for (std::size_t t = b * given.frames; t < (b + 1) * given.frames; ++t) {
      distance += distances[t];
      error += errors[t];
    }
    trust[b] = error > 0 ? std::clamp((distance / error - blurred) / (sharp - blurred), 0.0, 1.0) : 1.0;
  }
  for_blocks(given, [&](const Bins<T>& bins, std::size_t at, std::size_t frame) {
    blend(bins, prior == nullptr ? nullptr : prior + 2 * at, estimate + 2 * at, static_cast<T>(trust[frame / given.frames]));
  });
}

template void feasible_magnitudes<float>(const Agreement<float>&, float*);
template void feasible_magnitudes<double>(const Agreement<double>&, double*);
template void blend_with_prior<float>(const Agreement<float>&, const float*, float*, double*);
template void blend_with_prior<double>(const Agreement<double>&, const double*, double*, double*);

}  // namespace phasewise
