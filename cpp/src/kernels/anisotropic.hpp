// The posterior of anisotropic Gaussian sources that sum to a mixture, some bins of all sources at a time.
//
// Every bin is divided by its loudest magnitude (variances) or value (means), so that nothing overflows or vanishes, and
// turned to a mixture of phase 0, so that priors in phase with the mixture stay exactly in phase. Powerful directions make
// the 2 x 2 systems ill-conditioned; what rounding then leaves of the mixture is shared out as the Wiener filter does.
#pragma once

#include "phasewise/kernels/filter_table.hpp"
#include "polar.hpp"

namespace {

using phasewise::AnisotropicBlock;

template <class V>
PW_INLINE Complex<V> multiply(Complex<V> a, Complex<V> b) { return multiply(a, b.re, b.im); }
template <class V>
PW_INLINE Complex<V> scaled(V s, Complex<V> z) { return {s * z.re, s * z.im}; }
template <class V>
PW_INLINE Complex<V> select_positive(V a, Complex<V> b, Complex<V> c) {
  return {select_positive(a, b.re, c.re), select_positive(a, b.im, c.im)};
}

// The memory of a source between the passes over the sources.
template <class V>
struct SourceSlot {
  typename V::value_type* memory;
  PW_INLINE V get(int i) const { return V::load(memory + i * V::lanes); }
  PW_INLINE void set(int i, V x) const { x.store(memory + i * V::lanes); }
  PW_INLINE Complex<V> phasor() const { return {get(0), get(1)}; }
  PW_INLINE Complex<V> result() const { return {get(2), get(3)}; }
  PW_INLINE V power() const { return get(4); }
};

template <class T>
void anisotropic(const AnisotropicBlock<T>& b) {
  using V = Vec<T, native_lanes<T>>;
  const auto slot = [&](std::size_t j) PW_LAMBDA { return SourceSlot<V>{b.scratch + j * 5 * V::lanes}; };
  const auto number = [](T x) PW_LAMBDA { return V::broadcast(x); };
  for (std::size_t k = 0; k < b.bins; k += V::lanes) {
    const std::size_t count = b.bins - k;
    const auto magnitude = [&](std::size_t j) PW_LAMBDA { return load_part<V>(b.magnitudes + j * b.stride + k, count); };
    const Complex<V> mixture = load_interleaved<V>(b.mixture + 2 * k, count);
    const Polar<V> x = polar(mixture);
    V loudest = number(smallest_normal<T>);
    for (std::size_t j = 0; j < b.sources; ++j) loudest = max(loudest, magnitude(j));
    const V scale = max(x.modulus, loudest);

    V power_sum = V::zero(), variance_sum = V::zero();
    Complex<V> relation_sum{V::zero(), V::zero()}, error{x.modulus / scale, V::zero()};
    for (std::size_t j = 0; j < b.sources; ++j) {
      const Complex<V> u = starting_phasor(b, j, k, count, x.phasor);
      const V relative = magnitude(j) / loudest, power = relative * relative, mean = number(b.mean[j]) * (magnitude(j) / scale);
      slot(j).set(0, u.re);
      slot(j).set(1, u.im);
      slot(j).set(4, power);
      power_sum = power_sum + power;
      variance_sum = fma(number(b.variance[j]), power, variance_sum);
      relation_sum = relation_sum + scaled(number(b.relation[j]) * power, multiply(u, u));
      error = error - scaled(mean, u);
    }
    // Where all magnitudes are zero, the sources share equally.
    const V equal = number(T(1) / static_cast<T>(b.sources));
    const auto share = [&](V power) PW_LAMBDA { return select_positive(power_sum, power / power_sum, equal); };
    const V determinant = fms(variance_sum, variance_sum, squared(relation_sum));
    const V inverse = select_positive(determinant, number(T(1)) / determinant, V::zero());

    Complex<V> rest{x.modulus / scale, V::zero()};
    for (std::size_t j = 0; j < b.sources; ++j) {
      const SourceSlot<V> s = slot(j);
      const Complex<V> u = s.phasor();
      const V g = number(b.variance[j]) * s.power(), mean = number(b.mean[j]) * (magnitude(j) / scale);
      const Complex<V> c = scaled(number(b.relation[j]) * s.power(), multiply(u, u));
      const Complex<V> cross = times_conjugate(c, relation_sum);  // c conj(c_X)
      const Complex<V> own{fms(g, variance_sum, cross.re), -cross.im};
      const Complex<V> mirrored = scaled(variance_sum, c) - scaled(g, relation_sum);
      const Complex<V> moved = multiply(own, error) + times_conjugate(mirrored, error);
      const Complex<V> y = scaled(mean, u) + scaled(inverse, moved);
      s.set(2, y.re);
      s.set(3, y.im);
      rest = rest - y;
      if (b.posterior_variance == nullptr) continue;
      const V unit = loudest * loudest, variance = fnma(inverse, fms(variance_sum, fma(g, g, squared(c)), number(T(2)) * g * cross.re), g);
      const Complex<V> less = multiply(scaled(number(T(2)) * g * variance_sum, c) - scaled(g * g, relation_sum) - multiply(c, cross),
                                       inverse, V::zero());
      const Complex<V> relation = scaled(unit, multiply(c - less, multiply(x.phasor, x.phasor)));
      store_part(unit * max(variance, V::zero()), b.posterior_variance + j * b.stride + k, count);
      store_interleaved(relation, b.posterior_relation + 2 * (j * b.stride + k), count);
    }

    for (std::size_t j = 0; j < b.sources; ++j) {
      const SourceSlot<V> s = slot(j);
      const std::size_t row = j * b.state_stride + k, source = 2 * (j * b.stride + k);
      const V part = share(s.power());
      const Complex<V> y = s.result() + scaled(part, rest);
      const Complex<V> before = multiply(s.phasor(), x.phasor);
      const Complex<V> phasor = select_positive(magnitude(j), multiply(polar(y).phasor, x.phasor), before);  // silence carries it on
      store_part(phasor.re, b.re + row, count);
      store_part(phasor.im, b.im + row, count);
      if (b.prior != nullptr) store_interleaved(before, b.prior + source, count);
      const Complex<V> estimate = b.circular ? scaled(part, mixture) : scaled(scale, multiply(y, x.phasor));
      store_interleaved(estimate, b.out + source, count);
    }
  }
}

}  // namespace
