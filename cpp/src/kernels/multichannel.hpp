// Wiener filtering with spatial covariances, and what the next covariances are made of; some bins of one frame at a time.
#pragma once

#include "hermitian.hpp"
#include "phasewise/kernels/multichannel_table.hpp"

namespace {

using phasewise::MultichannelBlock;

// One vector of bins. N channels; 0: as many as the block says.
template <class T, int N>
struct MultichannelBins {
  static constexpr int most = N > 0 ? N : static_cast<int>(phasewise::most_channels);
  using V = Vec<T, native_lanes<T>>;
  using Matrix = Hermitian<V, most>;

  const MultichannelBlock<T>& b;
  std::size_t k;
  int n;

  PW_INLINE MultichannelBins(const MultichannelBlock<T>& block, std::size_t bin)
      : b(block), k(bin), n(N > 0 ? N : static_cast<int>(block.channels)) {}

  PW_INLINE T* row(T* rows, std::size_t i) const { return rows + i * b.row + k; }
  PW_INLINE const T* row(const T* rows, std::size_t i) const { return rows + i * b.row + k; }
  PW_INLINE std::size_t matrix(std::size_t j) const { return j * static_cast<std::size_t>(n * n); }
  PW_INLINE void read(const T* values, std::size_t channel_stride, Complex<V>* z) const {
    const V scale = V::broadcast(b.scale);
    each<most>(n, [&](int c) PW_LAMBDA {
      const Complex<V> x = load_interleaved<V>(values + static_cast<std::size_t>(c) * channel_stride + 2 * k, b.bins - k);
      z[c] = {scale * x.re, scale * x.im};
    });
  }
  PW_INLINE V energy(const Complex<V>* z) const {
    V total = V::zero();
    each<most>(n, [&](int c) PW_LAMBDA { total = total + squared(z[c]); });
    return total;
  }
  PW_INLINE void add(V x, T* memory) const { (V::load(memory) + x).store(memory); }
  // Adds y y^H to the sums of source j, and its power to their weight; the power becomes that of the source.
  PW_INLINE void learn(std::size_t j, const Complex<V>* y) const {
    const V power = energy(y) * V::broadcast(T(1) / static_cast<T>(n));
    Matrix outer{};
    outer.add_outer(n, V::broadcast(1), y);
    outer.add_to(n, row(b.sums, matrix(j)), b.row);
    add(power, row(b.weights, j));
    power.store(row(b.powers, j));
  }

  PW_INLINE void start() const {
    Complex<V> z[most];
    read(b.mixture, b.mixture_channel, z);
    add(energy(z), row(b.energy, 0));
    for (std::size_t j = 0; j < b.sources; ++j) {
      read(b.estimate + j * b.estimate_source, b.estimate_channel, z);
      learn(j, z);
    }
  }

  // E-step and M-step of the expectation-maximisation algorithm for source j: `gain` is the inverse covariance of the mixture, u that
  // times the mixture. With C = v R, the second moment of the source is (C u)(C u)^H + C - C gain C, and its new power the trace
  // of R^-1 times that over the number of channels.
  PW_INLINE void learn_posterior(std::size_t j, V power, const Matrix& covariance, const Matrix& gain, const Complex<V>* u,
                                 const Complex<V>* y) const {
    V matched = V::zero();
    each<most>(n, [&](int c) PW_LAMBDA { matched = fma(u[c].re, y[c].re, fma(u[c].im, y[c].im, matched)); });
    const V surplus = (matched - trace_of_product(n, gain, covariance)) * V::broadcast(T(1) / static_cast<T>(n));
    const V next = max(fma(power, surplus, power), V::zero()), inverse = select_positive(next, V::broadcast(1) / next, V::zero());
    Complex<V> product[most * most];  // gain C
    each<most>(n, [&](int i) PW_LAMBDA {
      each<most>(n, [&](int k) PW_LAMBDA {
        Complex<V> total{V::zero(), V::zero()};
        each<most>(n, [&](int m) PW_LAMBDA {
          const Complex<V> c = covariance.at(m, k);
          total = total + multiply(gain.at(i, m), c.re, c.im);
        });
        product[i * most + k] = total;
      });
    });
    Matrix moment = covariance;
    each<most>(n, [&](int i) PW_LAMBDA {
      each<most>(n, [&](int k) PW_LAMBDA {
        if (k > i) return;
        Complex<V> total{V::zero(), V::zero()};
        each<most>(n, [&](int m) PW_LAMBDA {
          const Complex<V> p = product[m * most + k];
          total = total + multiply(covariance.at(i, m), p.re, p.im);
        });
        if (i == k) moment.diagonal[i] = moment.diagonal[i] - total.re;
        else moment.lower[below(i, k)] = moment.lower[below(i, k)] - total;
      });
    });
    moment.add_outer(n, V::broadcast(1), y);
    moment.for_each(n, [&](V& x, int) PW_LAMBDA { x = x * inverse; });
    moment.add_to(n, row(b.sums, matrix(j)), b.row);
    add(select_positive(next, V::broadcast(1), V::zero()), row(b.weights, j));
    next.store(row(b.powers, j));
  }

  PW_INLINE V step() const {
    Complex<V> x[most], u[most], rest[most];
    read(b.mixture, b.mixture_channel, x);
    Matrix total{};
    const V noise = V::load(row(b.noise, 0));
    each<most>(n, [&](int c) PW_LAMBDA { total.diagonal[c] = noise; });
    V power_sum = V::zero();
    const auto source = [&](std::size_t j, V power) PW_LAMBDA {
      Matrix covariance;
      covariance.load(n, row(b.covariances, matrix(j)), b.row);
      covariance.for_each(n, [&](V& entry, int) PW_LAMBDA { entry = power * entry; });
      return covariance;
    };
    for (std::size_t j = 0; j < b.sources; ++j) {
      const V power = V::load(row(b.powers, j));
      const Matrix covariance = source(j, power);
      power_sum = power_sum + power;
      each<most>(n, [&](int c) PW_LAMBDA { total.diagonal[c] = total.diagonal[c] + covariance.diagonal[c]; });
      total.each_pair(n, [&](int q) PW_LAMBDA { total.lower[q] = total.lower[q] + covariance.lower[q]; });
    }
    const Factored<V, most> factored(n, total);
    each<most>(n, [&](int c) PW_LAMBDA { rest[c] = u[c] = x[c]; });
    factored.solve(n, u);
    Matrix gain{};
    if (b.posterior) gain = factored.inverted(n);

    const V equal = V::broadcast(T(1) / static_cast<T>(b.sources)), unscale = V::broadcast(T(1) / b.scale);
    const auto filtered = [&](std::size_t j, V power, Complex<V>* y) PW_LAMBDA {
      const Matrix covariance = source(j, power);
      covariance.multiply_vector(n, u, y);
      return covariance;
    };
    Complex<V> y[most];
    if (b.write) {  // the sources sum to the mixture: they share what the noise would take, as their powers are
      for (std::size_t j = 0; j < b.sources; ++j) {
        filtered(j, V::load(row(b.powers, j)), y);
        each<most>(n, [&](int c) PW_LAMBDA { rest[c] = rest[c] - y[c]; });
      }
      for (std::size_t j = 0; j < b.sources; ++j) {
        const V power = V::load(row(b.powers, j)), share = select_positive(power_sum, power / power_sum, equal);
        filtered(j, power, y);
        each<most>(n, [&](int c) PW_LAMBDA {
          const Complex<V> z{unscale * fma(share, rest[c].re, y[c].re), unscale * fma(share, rest[c].im, y[c].im)};
          store_interleaved(z, b.estimate + static_cast<std::size_t>(c) * b.estimate_channel + j * b.estimate_source + 2 * k, b.bins - k);
        });
      }
    } else {
      for (std::size_t j = 0; j < b.sources; ++j) {
        const V power = V::load(row(b.powers, j));
        const Matrix covariance = filtered(j, power, y);
        if (b.posterior) learn_posterior(j, power, covariance, gain, u, y);
        else learn(j, y);
      }
    }
    if (!b.likelihood) return V::zero();
    V fit = V::zero();
    each<most>(n, [&](int c) PW_LAMBDA { fit = fma(u[c].re, x[c].re, fma(u[c].im, x[c].im, fit)); });
    return fit + factored.log_determinant(n, V::broadcast(b.log_scale));
  }
};

// f(bins) with the number of channels known to the compiler for the usual ones.
template <class T, class F>
PW_INLINE void for_each_bins(const MultichannelBlock<T>& b, F&& f) {
  constexpr std::size_t lanes = static_cast<std::size_t>(native_lanes<T>);
  if (b.channels == 1) {
    for (std::size_t k = 0; k < b.bins; k += lanes) f(MultichannelBins<T, 1>(b, k));
  } else if (b.channels == 2) {
    for (std::size_t k = 0; k < b.bins; k += lanes) f(MultichannelBins<T, 2>(b, k));
  } else {
    for (std::size_t k = 0; k < b.bins; k += lanes) f(MultichannelBins<T, 0>(b, k));
  }
}

template <class T>
void multichannel_start(const MultichannelBlock<T>& b) {
  for_each_bins(b, [](const auto& bins) { bins.start(); });
}

template <class T>
double multichannel_step(const MultichannelBlock<T>& b) {
  auto total = Vec<T, native_lanes<T>>::zero();
  for_each_bins(b, [&](const auto& bins) { total = total + bins.step(); });
  return static_cast<double>(sum(total));
}

template <class T>
constexpr phasewise::MultichannelKernels<T> multichannel_kernels() {
  return {multichannel_start<T>, multichannel_step<T>};
}

}  // namespace
