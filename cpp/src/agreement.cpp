#include "phasewise/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "phasewise/threads.hpp"

namespace phasewise {
namespace {

constexpr std::size_t frames_per_task = 8, block = 64;
// 0 below the first, 1 above the second.
double ramp(double x, double zero, double one) { return std::clamp((x - zero) / (one - zero), 0.0, 1.0); }

// Sums over a frame or an item: squared distance from the Wiener estimate, what the model expects of it, mismatch of the
// magnitudes, their energy, and the mixture's.
struct Totals {
  double distance = 0, expected = 0, mismatch = 0, energy = 0, mixture = 0;

  void operator+=(const Totals& t) {
    distance += t.distance;
    expected += t.expected;
    mismatch += t.mismatch;
    energy += t.energy;
    mixture += t.mixture;
  }

  // The distance is about as expected for true magnitudes, 0.6 to 1 of it for factorisations of the true sources, and 0.3 to
  // 0.6 for magnitudes from a dictionary that knows neither the song nor its instruments. The energies agree for magnitudes
  // of independent sources; magnitudes that add up to the mixture's have too little, leaking ones too much. Neither matters
  // where all magnitudes are met.
  double trust() const {
    const double sharp = expected > 0 ? ramp(distance / expected, 0.5, 0.75) : 1;
    const double fitting = mixture > 0 ? ramp(energy / mixture, 0.75, 0.9) * (1 - ramp(energy / mixture, 1.1, 1.25)) : 1;
    const double missed = expected > 0 ? std::min(mismatch / (0.01 * expected), 1.0) : 1;
    return 1 - missed * (1 - sharp * fitting);
  }
};

template <class T>
T larger(T a, T b) {
  return a > b ? a : b;
}

// Up to `block` neighbouring bins of one frame. Values are taken relative to the largest magnitude of their bin (to the
// mixture's where there is none), so that squares neither overflow nor vanish.
template <class T>
struct Bins {
  const T *x, *v;  // mixture (complex), magnitudes
  std::size_t sources, stride, count;
  T largest[block], unit[block], scale[block], squares[block];
  T inverse[block], even[block];  // share = square * inverse + even

  Bins(const Agreement<T>& g, std::size_t b, std::size_t t, std::size_t k)
      : x(g.mixture + 2 * ((b * g.frames + t) * g.bins + k)),
        v(g.magnitudes + (b * g.sources * g.frames + t) * g.bins + k),
        sources(g.sources),
        stride(g.frames * g.bins),
        count(std::min(block, g.bins - k)) {
    // In arrays of its own, which nothing else can point to, and over whole blocks: so that it becomes vector code.
    T top[block] = {}, one[block], sum[block] = {};
    for (std::size_t j = 0; j < sources; ++j)
      for (std::size_t i = 0; i < count; ++i) top[i] = larger(top[i], v[j * stride + i]);
    T heard[2 * block] = {};
    std::copy_n(x, 2 * count, heard);
    for (std::size_t i = 0; i < block; ++i) {
      const T loudest = larger(std::abs(heard[2 * i]), std::abs(heard[2 * i + 1])), chosen = top[i] > T(0) ? top[i] : loudest;
      unit[i] = chosen > std::numeric_limits<T>::min() ? chosen : T(1);
      one[i] = T(1) / unit[i];
    }
    for (std::size_t j = 0; j < sources; ++j)
      for (std::size_t i = 0; i < count; ++i) sum[i] += (v[j * stride + i] * one[i]) * (v[j * stride + i] * one[i]);
    const T equal = T(1) / static_cast<T>(sources);
    for (std::size_t i = 0; i < block; ++i) {
      const bool any = sum[i] > T(0);
      inverse[i] = (any ? T(1) : T(0)) / (any ? sum[i] : T(1));
      even[i] = any ? T(0) : equal;
    }
    std::copy_n(top, block, largest);
    std::copy_n(one, block, scale);
    std::copy_n(sum, block, squares);
  }
  T relative(std::size_t j, std::size_t i) const { return v[j * stride + i] * scale[i]; }
  T share(std::size_t j, std::size_t i) const {
    return relative(j, i) * relative(j, i) * inverse[i] + even[i];
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
    step[i] = larger(larger(lacking, excess), T(0));
    sign[i] = excess > lacking ? T(-1) : T(1);  // of the largest magnitude's change; the first of equals
  }
  for (std::size_t j = 0; j < bins.sources; ++j) {
    T* __restrict row = out + j * bins.stride;
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T v = bins.v[j * bins.stride + i], change = step[i] * bins.share(j, i);
      const bool is_largest = v == bins.largest[i];
      row[i] = larger(v + (is_largest ? sign[i] : T(1)) * change, T(0));
      sign[i] = is_largest ? T(1) : sign[i];
    }
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
  if (prior != nullptr) {
    std::fill_n(expected, bins.count, T(0));
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T re = lacking[2 * i] * bins.scale[i], im = lacking[2 * i + 1] * bins.scale[i];
      for (std::size_t j = 0; j < bins.sources; ++j) expected[i] += bins.share(j, i) * (T(1) - bins.share(j, i)) * (re * re + im * im);
    }
  }
  for (std::size_t i = 0; i < bins.count; ++i) {
    const T sum = 2 * mismatch[i] + expected[i];  // errors across the phasors are as large as those along them
    mismatch[i] = T(1) - (expected[i] > T(0) ? believed * expected[i] / sum : T(0));  // how far to go to the prior
  }
  for (std::size_t j = 0; j < bins.sources; ++j) {
    T* __restrict s = estimate + 2 * j * bins.stride;
    T to[2 * block] = {};
    if (prior != nullptr) std::copy_n(prior + 2 * j * bins.stride, 2 * bins.count, to);
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T share = bins.share(j, i);
      s[2 * i] += mismatch[i] * (to[2 * i] + share * lacking[2 * i] - s[2 * i]);
      s[2 * i + 1] += mismatch[i] * (to[2 * i + 1] + share * lacking[2 * i + 1] - s[2 * i + 1]);
    }
  }
}

template <class T>
Totals totals(const Bins<T>& bins, const T* estimate) {
  T moved[block] = {}, error[block] = {}, mismatch[block] = {};
  Totals sum;
  for (std::size_t j = 0; j < bins.sources; ++j) {
    const T* s = estimate + 2 * j * bins.stride;
    for (std::size_t i = 0; i < bins.count; ++i) {
      const T share = bins.share(j, i), v = bins.relative(j, i), re = s[2 * i] * bins.scale[i], im = s[2 * i + 1] * bins.scale[i];
      const T to_re = share * (bins.x[2 * i] * bins.scale[i]) - re, to_im = share * (bins.x[2 * i + 1] * bins.scale[i]) - im;
      const T difference = std::sqrt(re * re + im * im) - v;
      moved[i] += to_re * to_re + to_im * to_im;
      error[i] += v * v * (T(1) - share);
      mismatch[i] += difference * difference;
    }
  }
  for (std::size_t i = 0; i < bins.count; ++i) {
    const T re = bins.x[2 * i] * bins.scale[i], im = bins.x[2 * i + 1] * bins.scale[i];
    const double unit = static_cast<double>(bins.unit[i]) * static_cast<double>(bins.unit[i]);
    sum.distance += unit * static_cast<double>(moved[i]);
    sum.expected += unit * static_cast<double>(error[i]);
    sum.mismatch += unit * static_cast<double>(mismatch[i]);
    sum.energy += unit * static_cast<double>(bins.squares[i]);
    sum.mixture += unit * static_cast<double>(re * re + im * im);
  }
  return sum;
}

}  // namespace

template <class T>
void feasible_magnitudes(const Agreement<T>& given, T* feasible) {
  for_blocks(given, [&](const Bins<T>& bins, std::size_t at, std::size_t) { close_polygons(bins, feasible + at); });
}

template <class T>
void blend_with_prior(const Agreement<T>& given, const T* prior, T* estimate, double* trust) {
  std::vector<Totals> frames(given.batch * given.frames);
  for_blocks(given, [&](const Bins<T>& bins, std::size_t at, std::size_t frame) { frames[frame] += totals(bins, estimate + 2 * at); });
  for (std::size_t b = 0; b < given.batch; ++b) {
    Totals item;
    for (std::size_t t = b * given.frames; t < (b + 1) * given.frames; ++t) item += frames[t];  // in this order, whoever made them
    trust[b] = item.trust();
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
