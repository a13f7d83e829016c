// The bin-wise half of consistent Wiener filtering: what happens to one frame of all sources between two transforms.
//
// A posterior covariance has the eigenvalues 2 radial V^2 along the prior phase and 2 tangential V^2 across it. As a map of
// complex numbers that is z -> h z + d u^2 conj(z), h their mean and d half their difference; so are its inverse and
// every regularised form.
#pragma once

#include "anisotropic.hpp"

namespace {

using phasewise::ConsistentStep;
using phasewise::ConsistentSums;

// Sums over bins in which those between 0 Hz and Nyquist count twice.
template <class V>
struct TwoSidedSum {
  using T = typename V::value_type;
  V total = V::zero();
  double edges = 0;

  PW_INLINE void add(V term, std::size_t k, const ConsistentStep<T>& s) {
    total = total + term;
    const std::size_t last = s.bins - 1;
    if (k > 0 && last - k >= static_cast<std::size_t>(V::lanes)) return;
    T lane[V::lanes];
    term.store(lane);
    if (k == 0) edges += static_cast<double>(lane[0]);
    if (s.even && last > 0 && last - k < static_cast<std::size_t>(V::lanes)) edges += static_cast<double>(lane[last - k]);
  }
  double value() const { return 2 * static_cast<double>(sum(total)) - edges; }
};

// Powers below this count as silence: their inverse would overflow.
template <class T>
inline constexpr T smallest_power = sizeof(T) == 4 ? T(1e-36) : T(1e-290);

template <class V>
PW_INLINE V product(Complex<V> a, Complex<V> b) { return fma(a.re, b.re, a.im * b.im); }  // Re(conj(a) b)

// z -> mean z + half u^2 conj(z)
template <class V>
struct Stretch {
  V mean, half;
  PW_INLINE Complex<V> operator()(Complex<V> z, Complex<V> u2) const {
    const Complex<V> mirrored = times_conjugate(u2, z);
    return {fma(mean, z.re, half * mirrored.re), fma(mean, z.im, half * mirrored.im)};
  }
};

// One vector of bins of one frame.
template <class V>
struct Bins {
  using T = typename V::value_type;
  const ConsistentStep<T>& s;
  std::size_t k;

  PW_INLINE Complex<V> get(const T* rows, std::size_t j) const {
    const T* row = rows + j * s.stride + k;
    return {V::load(row), V::load(row + s.padded)};
  }
  PW_INLINE void set(T* rows, std::size_t j, Complex<V> z) const {
    T* row = rows + j * s.stride + k;
    z.re.store(row);
    z.im.store(row + s.padded);
  }
  PW_INLINE Complex<V> projected(std::size_t j) const {
    const T* row = s.projected + j * 2 * s.padded + k;
    return {V::load(row), V::load(row + s.padded)};
  }
  PW_INLINE Complex<V> u2(std::size_t j) const {
    return s.squares == nullptr ? Complex<V>{V::zero(), V::zero()} : get(s.squares, j);
  }
  PW_INLINE V power(std::size_t j) const {
    const V v = load_part<V>(s.magnitudes + j * s.row_stride + k, s.bins - k), square = v * v;
    return select_positive(square - V::broadcast(smallest_power<T>), square, V::zero());
  }
  PW_INLINE Stretch<V> inverse(std::size_t j) const {
    const V v = power(j), along = V::broadcast(T(2) * s.radial[j]) * v, across = V::broadcast(T(2) * s.tangential[j]) * v;
    const V half = V::broadcast(T(0.5)), a = half / along, b = half / across;
    return {select_positive(v, a + b, V::zero()), select_positive(v, a - b, V::zero())};
  }
  // (inverse + pull)^-1
  PW_INLINE Stretch<V> regularised(std::size_t j) const {
    const V v = power(j), along = V::broadcast(T(2) * s.radial[j]) * v, across = V::broadcast(T(2) * s.tangential[j]) * v;
    const V pull = V::broadcast(s.pull), one = V::broadcast(T(1)), half = V::broadcast(T(0.5));
    const V a = half * (along / fma(pull, along, one)), b = half * (across / fma(pull, across, one));
    return {a + b, a - b};
  }

  // z_j = M_j (r_j - y), M_j regularised, with the y for which they sum to zero: the step of least cost that r asks for.
  template <class Residual, class Store>
  PW_INLINE void solve(Residual&& residual, Store&& store) const {
    V mean = V::zero();
    Complex<V> half{V::zero(), V::zero()}, total{V::zero(), V::zero()};
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Stretch<V> m = regularised(j);
      mean = mean + m.mean;
      half = half + scaled(m.half, u2(j));
      total = total + m(residual(j), u2(j));
    }
    const V one = V::broadcast(T(1)), scale = select_positive(mean, one / mean, V::zero());
    const Complex<V> d = scaled(scale, half), t = scaled(scale, total);
    const Complex<V> y = scaled(one / (one - squared(d)), t - times_conjugate(d, t));
    Complex<V> rest{V::zero(), V::zero()};
    for (std::size_t j = 0; j < s.sources; ++j) rest = rest + regularised(j)(residual(j) - y, u2(j));
    for (std::size_t j = 0; j < s.sources; ++j) {  // what rounding leaves of the sum is shared out
      const Stretch<V> m = regularised(j);
      store(j, m(residual(j) - y, u2(j)) - scaled(m.mean * scale, rest));
    }
  }
};

template <class T, class F>
PW_INLINE void for_each_bins(const ConsistentStep<T>& s, F&& f) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < s.bins; k += V::lanes) f(Bins<V>{s, k});
}

template <class T>
ConsistentSums consistent_start(const ConsistentStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V weight = V::broadcast(s.weight);
  TwoSidedSum<V> cost, descent;
  for_each_bins(s, [&](Bins<V> bins) PW_LAMBDA {
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> gap = bins.projected(j) - bins.get(s.estimate, j);
      bins.set(s.residual, j, scaled(weight, gap));
      cost.add(weight * squared(gap), bins.k, s);
    }
    bins.solve([&](std::size_t j) PW_LAMBDA { return bins.get(s.residual, j); },
               [&](std::size_t j, Complex<V> z) PW_LAMBDA {
                 bins.set(s.direction, j, z);
                 descent.add(product(bins.get(s.residual, j), z), bins.k, s);
               });
  });
  return {descent.value(), cost.value(), 0};
}

template <class T>
double consistent_curvature(const ConsistentStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V weight = V::broadcast(s.weight);
  TwoSidedSum<V> curvature;
  for_each_bins(s, [&](Bins<V> bins) PW_LAMBDA {
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> p = bins.get(s.direction, j);
      const Complex<V> image = bins.inverse(j)(p, bins.u2(j)) + scaled(weight, p - bins.projected(j));
      bins.set(s.image, j, image);
      curvature.add(product(p, image), bins.k, s);
    }
  });
  return curvature.value();
}

template <class T>
ConsistentSums consistent_advance(const ConsistentStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V step = V::broadcast(s.step);
  TwoSidedSum<V> descent, moved, norm;
  for_each_bins(s, [&](Bins<V> bins) PW_LAMBDA {
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> p = bins.get(s.direction, j), z = bins.get(s.estimate, j) + scaled(step, p);
      bins.set(s.estimate, j, z);
      bins.set(s.residual, j, bins.get(s.residual, j) - scaled(step, bins.get(s.image, j)));
      moved.add(squared(scaled(step, p)), bins.k, s);
      norm.add(squared(z), bins.k, s);
    }
    bins.solve([&](std::size_t j) PW_LAMBDA { return bins.get(s.residual, j); },
               [&](std::size_t j, Complex<V> z) PW_LAMBDA {
                 bins.set(s.image, j, z);
                 descent.add(product(bins.get(s.residual, j), z), bins.k, s);
               });
  });
  return {descent.value(), moved.value(), norm.value()};
}

template <class T>
void consistent_redirect(const ConsistentStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  for_each_bins(s, [&](Bins<V> bins) PW_LAMBDA {
    for (std::size_t j = 0; j < s.sources; ++j)
      bins.set(s.direction, j, bins.get(s.image, j) + scaled(V::broadcast(s.step), bins.get(s.direction, j)));
  });
}

template <class T>
ConsistentSums consistent_majorise(const ConsistentStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V weight = V::broadcast(s.weight);
  TwoSidedSum<V> cost, moved, norm;
  for_each_bins(s, [&](Bins<V> bins) PW_LAMBDA {
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> z = bins.get(s.estimate, j), change = z - bins.get(s.residual, j);
      cost.add(fma(weight, squared(z - bins.projected(j)), product(change, bins.inverse(j)(change, bins.u2(j)))), bins.k, s);
    }
    if (s.evaluate) return;
    bins.solve([&](std::size_t j) PW_LAMBDA { return scaled(weight, bins.projected(j) - bins.get(s.residual, j)); },
               [&](std::size_t j, Complex<V> change) PW_LAMBDA {
                 const Complex<V> z = bins.get(s.residual, j) + change;
                 moved.add(squared(z - bins.get(s.estimate, j)), bins.k, s);
                 norm.add(squared(z), bins.k, s);
                 bins.set(s.estimate, j, z);
               });
  });
  return {cost.value(), moved.value(), norm.value()};
}

template <class T>
constexpr phasewise::FilterKernels<T> filter_kernels() {
  return {static_cast<std::size_t>(native_lanes<T>), anisotropic<T>, consistent_start<T>, consistent_curvature<T>, consistent_advance<T>,
          consistent_redirect<T>, consistent_majorise<T>};
}

}  // namespace
