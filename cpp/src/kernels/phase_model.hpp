// Majorisation-minimisation of models with phases: the step of one frame, some bins of all sources at a time.
//
// Sums over the sources come first; with them, each source has a problem of its own. Its phasor u maximises
// Re(B conj(u)) + Re(Z conj(u)^2); the maximum of the first part is taken if it is better than the phasor before.
#pragma once

#include "anisotropic.hpp"
#include "phasewise/kernels/phase_model_table.hpp"

namespace {

using phasewise::PhaseModelBlock;

// One vector of bins.
template <class T>
struct ModelBins {
  using V = Vec<T, native_lanes<T>>;

  const PhaseModelBlock<T>& b;
  std::size_t k;

  static PW_INLINE V number(T x) { return V::broadcast(x); }
  static PW_INLINE Complex<V> nothing() { return {V::zero(), V::zero()}; }
  static PW_INLINE V inner(Complex<V> a, Complex<V> c) { return fma(a.re, c.re, a.im * c.im); }  // Re(a conj(c))

  PW_INLINE std::size_t count() const { return b.bins - k; }
  PW_INLINE V value(const T* rows, std::size_t j) const { return load_part<V>(rows + j * b.stride + k, count()); }
  PW_INLINE Complex<V> complex(const T* rows, std::size_t j) const {
    return load_interleaved<V>(rows + 2 * (j * b.stride + k), count());
  }
  PW_INLINE void set(V x, T* rows, std::size_t j) const { store_part(x, rows + j * b.stride + k, count()); }
  PW_INLINE void set(Complex<V> z, T* rows, std::size_t j) const { store_interleaved(z, rows + 2 * (j * b.stride + k), count()); }
  PW_INLINE Complex<V> mixture() const { return load_interleaved<V>(b.mixture + 2 * k, count()); }

  // The phasors that the frames around make of theirs, weighted by `here` and `next`.
  PW_INLINE Complex<V> neighbours(std::size_t j, V here, V next) const {
    Complex<V> total = nothing();
    if (b.before != nullptr) total = total + scaled(here, multiply(complex(b.before, j), complex(b.turns, j)));
    if (b.after != nullptr) total = total + scaled(next, times_conjugate(complex(b.after, j), complex(b.next_turns, j)));
    return total;
  }
  // How well a phasor agrees with the frame before.
  PW_INLINE V agreement(std::size_t j) const {
    return inner(complex(b.phasors, j), multiply(complex(b.before, j), complex(b.turns, j)));
  }
  PW_INLINE Complex<V> direction(Complex<V> z, Complex<V> otherwise) const {
    const V square = squared(z);
    return select_positive(square - V::broadcast(smallest_normal<T>), scaled(reciprocal_sqrt(max(square, V::broadcast(smallest_normal<T>))), z), otherwise);
  }
  PW_INLINE V share(V level, V sum) const {
    return select_positive(sum, level / sum, number(T(1) / static_cast<T>(b.sources)));
  }
};

// What the sources sum up to: relation and error are relative to the variance and not.
template <class V>
struct GaussianSums {
  V variance, level, inverse, remainder;  // remainder = 1 - |relation|^2
  Complex<V> relation, error;
};

template <class T>
PW_INLINE auto gaussian_sums(const ModelBins<T>& bins) {
  using V = typename ModelBins<T>::V;
  const PhaseModelBlock<T>& b = bins.b;
  GaussianSums<V> s{V::zero(), V::zero(), V::zero(), V::zero(), bins.nothing(), bins.mixture()};
  for (std::size_t j = 0; j < b.sources; ++j) {
    const V v = bins.value(b.levels, j);
    const Complex<V> u = bins.complex(b.phasors, j);
    s.level = s.level + v;
    s.variance = fma(bins.number(b.variance[j]), v, s.variance);
    s.relation = s.relation + scaled(bins.number(b.relation[j]) * v, multiply(u, u));
    s.error = s.error - scaled(bins.number(b.mean[j]) * sqrt(v), u);
  }
  s.inverse = select_positive(s.variance, bins.number(1) / s.variance, V::zero());
  s.relation = scaled(s.inverse, s.relation);
  s.remainder = bins.number(1) - squared(s.relation);
  return s;
}

template <class T>
PW_INLINE void gaussian_bins(const ModelBins<T>& bins) {
  using V = typename ModelBins<T>::V;
  const PhaseModelBlock<T>& b = bins.b;
  const auto number = [](T x) PW_LAMBDA { return V::broadcast(x); };
  const GaussianSums<V> sums = gaussian_sums(bins);
  const V gain = number(1) / sums.remainder;
  // Posterior mean of source j.
  const auto posterior = [&](std::size_t j, V v, Complex<V> u2, Complex<V> u) PW_LAMBDA {
    const V part = v * sums.inverse * gain, g = number(b.variance[j]) * part;
    const Complex<V> c = scaled(number(b.relation[j]) * part, u2);
    const Complex<V> cross = times_conjugate(c, sums.relation);
    const Complex<V> own{g - cross.re, -cross.im}, mirrored = c - scaled(g, sums.relation);
    return scaled(number(b.mean[j]) * sqrt(v), u) + multiply(own, sums.error) + times_conjugate(mirrored, sums.error);
  };

  Complex<V> rest = bins.mixture();
  for (std::size_t j = 0; j < b.sources; ++j) {
    const V v = bins.value(b.levels, j);
    Complex<V> u = bins.complex(b.phasors, j), u2 = multiply(u, u);
    const Complex<V> mean = posterior(j, v, u2, u);
    if (b.estimate != nullptr) {
      rest = rest - mean;
      continue;
    }
    const T lambda = b.mean[j], alpha = b.variance[j], rho = b.relation[j];
    const T determinant = (alpha - rho) * (alpha + rho);
    const V part = v * sums.inverse * gain, one_over_v = select_positive(v, number(1) / v, V::zero());
    const Complex<V> z = scaled(sqrt(one_over_v), mean);
    V energy = squared(z);  // second moments, relative to v
    Complex<V> square = multiply(z, z);
    if (b.posterior) {
      const V turned = ModelBins<T>::inner(u2, sums.relation);
      energy = energy + number(alpha) - part * fnma(number(2 * alpha * rho), turned, number(alpha * alpha + rho * rho));
      const Complex<V> back = multiply(multiply(u2, u2), Complex<V>{sums.relation.re, -sums.relation.im});
      const Complex<V> less = scaled(number(2 * alpha * rho), u2) - scaled(number(alpha * alpha), sums.relation) - scaled(number(rho * rho), back);
      square = square + scaled(number(rho), u2) - scaled(part, less);
    }
    const V slope = number(2 * lambda / (alpha + rho));
    if (b.renew) {
      const V coupling = number(b.coupling);
      const Complex<V> first = scaled(slope, z) + bins.neighbours(j, coupling, coupling);
      Complex<V> second = scaled(number(rho / determinant), square);
      if (!b.posterior) second = second + scaled(number(rho) * part, sums.relation);
      const auto value = [&](Complex<V> w) PW_LAMBDA { return ModelBins<T>::inner(first, w) + ModelBins<T>::inner(second, multiply(w, w)); };
      const Complex<V> candidate = bins.direction(first, u);
      u = select_positive(value(candidate) - value(u), candidate, u);
      u2 = multiply(u, u);
      bins.set(u, b.phasors, j);
    }
    if (b.numerator == nullptr && b.free == nullptr) continue;
    const V p = max(fnma(number(rho), ModelBins<T>::inner(square, u2), number(alpha) * energy) * number(T(1) / determinant), V::zero());
    const V q = -(slope * ModelBins<T>::inner(z, u));
    if (b.free != nullptr) {
      const V root = (q + sqrt(fma(q, q, number(16) * p))) * number(T(0.25));
      bins.set(v * root * root, b.free, j);
    } else {
      const V r = b.posterior ? number(1) : part * fnma(number(rho), ModelBins<T>::inner(u2, sums.relation), number(alpha));
      bins.set(one_over_v * fma(number(T(0.5)), max(q, V::zero()), p), b.numerator, j);
      bins.set(one_over_v * fma(number(T(0.5)), max(-q, V::zero()), r), b.denominator, j);
    }
  }
  if (b.estimate == nullptr) return;
  for (std::size_t j = 0; j < b.sources; ++j) {
    const V v = bins.value(b.levels, j);
    const Complex<V> u = bins.complex(b.phasors, j);
    bins.set(posterior(j, v, multiply(u, u), u) + scaled(bins.share(v, sums.level), rest), b.estimate, j);
  }
}

template <class T>
void gaussian(const PhaseModelBlock<T>& b) {
  for (std::size_t k = 0; k < b.bins; k += static_cast<std::size_t>(native_lanes<T>)) gaussian_bins(ModelBins<T>{b, k});
}

// Negative log-posterior, less a constant.
template <class T>
double gaussian_cost(const PhaseModelBlock<T>& b) {
  using V = typename ModelBins<T>::V;
  V total = V::zero();
  for (std::size_t k = 0; k < b.bins; k += static_cast<std::size_t>(native_lanes<T>)) {
    const ModelBins<T> bins{b, k};
    const GaussianSums<V> s = gaussian_sums(bins);
    const V fit = (squared(s.error) - ModelBins<T>::inner(multiply(s.error, s.error), s.relation)) * s.inverse / s.remainder;
    const V tiny = V::broadcast(smallest_normal<T>);
    V cost = fma(V::broadcast(T(0.5)), log(max(s.remainder, tiny)), log(max(s.variance, tiny))) + fit;
    if (b.before != nullptr)
      for (std::size_t j = 0; j < b.sources; ++j) cost = fnma(V::broadcast(b.coupling), bins.agreement(j), cost);
    total = total + select_positive(s.variance, cost, V::zero());
  }
  return static_cast<double>(sum(total));
}

template <class T>
PW_INLINE auto euclidean_sums(const ModelBins<T>& bins) {
  using V = typename ModelBins<T>::V;
  struct {
    V level;
    Complex<V> error;
  } s{V::zero(), bins.mixture()};
  for (std::size_t j = 0; j < bins.b.sources; ++j) {
    const V v = bins.value(bins.b.levels, j);
    s.level = s.level + v;
    s.error = s.error - scaled(v, bins.complex(bins.b.phasors, j));
  }
  return s;
}

template <class T>
void euclidean(const PhaseModelBlock<T>& b) {
  using V = typename ModelBins<T>::V;
  for (std::size_t k = 0; k < b.bins; k += static_cast<std::size_t>(native_lanes<T>)) {
    const ModelBins<T> bins{b, k};
    const auto sums = euclidean_sums(bins);
    const V coupling = V::broadcast(b.coupling), here = coupling * squared(bins.mixture());
    const V next = b.after != nullptr ? coupling * squared(load_interleaved<V>(b.next_mixture + 2 * k, bins.count())) : V::zero();
    for (std::size_t j = 0; j < b.sources; ++j) {
      const V v = bins.value(b.levels, j);
      Complex<V> u = bins.complex(b.phasors, j);
      if (b.estimate != nullptr) {
        bins.set(scaled(v, u) + scaled(bins.share(v, sums.level), sums.error), b.estimate, j);
        continue;
      }
      const Complex<V> wanted = scaled(sums.level, u) + sums.error;  // of the source, over its share of the levels
      if (b.renew) {
        u = bins.direction(scaled(v, wanted) + bins.neighbours(j, here, next), u);
        bins.set(u, b.phasors, j);
      }
      if (b.numerator == nullptr) continue;
      bins.set(max(ModelBins<T>::inner(wanted, u), V::zero()), b.numerator, j);
      bins.set(sums.level, b.denominator, j);
    }
  }
}

template <class T>
double euclidean_cost(const PhaseModelBlock<T>& b) {
  using V = typename ModelBins<T>::V;
  V total = V::zero();
  for (std::size_t k = 0; k < b.bins; k += static_cast<std::size_t>(native_lanes<T>)) {
    const ModelBins<T> bins{b, k};
    total = total + squared(euclidean_sums(bins).error);
    if (b.before == nullptr) continue;
    const V weight = V::broadcast(b.coupling) * squared(bins.mixture());
    for (std::size_t j = 0; j < b.sources; ++j) {
      const Complex<V> gap = bins.complex(b.phasors, j) - multiply(bins.complex(b.before, j), bins.complex(b.turns, j));
      total = fma(weight, squared(gap), total);
    }
  }
  return static_cast<double>(sum(total));
}

template <class T>
constexpr phasewise::PhaseModelKernels<T> phase_model_kernels() {
  return {gaussian<T>, gaussian_cost<T>, euclidean<T>, euclidean_cost<T>};
}

}  // namespace
