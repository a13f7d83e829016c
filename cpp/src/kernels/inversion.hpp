// Bin-wise updates of the inversion family, L bins of all sources at a time.
#pragma once

#include "bregman.hpp"
#include "rows.hpp"
#include "sharing.hpp"

namespace {

using phasewise::Update;

template <class V, class T>
PW_INLINE Complex<V> load_planar(const T* row, std::size_t padded, std::size_t k) {
  return {V::load(row + k), V::load(row + padded + k)};
}
template <class V, class T>
PW_INLINE void store_planar(Complex<V> z, T* row, std::size_t padded, std::size_t k) {
  z.re.store(row + k);
  z.im.store(row + padded + k);
}

template <class V>
PW_INLINE V squared(Complex<V> z) { return fma(z.re, z.re, z.im * z.im); }
template <class V>
PW_INLINE Complex<V> scaled(V s, Complex<V> z) { return {s * z.re, s * z.im}; }
template <class V>
PW_INLINE Complex<V> add_scaled(V s, Complex<V> z, Complex<V> y) { return {fma(s, z.re, y.re), fma(s, z.im, y.im)}; }

template <class V>
PW_INLINE V modulus(Complex<V> z) { return fast_root(squared(z)); }

// z with the magnitude v; the phase of zero is 0.
template <class V>
PW_INLINE Complex<V> with_magnitude(Complex<V> z, V v) {
  using T = typename V::value_type;
  const V p = squared(z), floor = V::broadcast(smallest_square<T>);
  const V gain = v * reciprocal_sqrt(max(p, floor));
  return {select_positive(p - floor, gain * z.re, v), select_positive(p - floor, gain * z.im, V::zero())};
}

// Sums terms over bins with the weights of a one-sided spectrum.
template <class V>
struct OneSidedSum {
  using T = typename V::value_type;
  V total = V::zero();
  double edges = 0;

  PW_INLINE void add(V term, std::size_t k, const InversionStep<T>& s) {
    total = total + term;
    const std::size_t last = s.bins - 1;
    if (k == 0 || (s.even && last - k < static_cast<std::size_t>(V::lanes))) {
      T lane[V::lanes];
      term.store(lane);
      if (k == 0) edges += static_cast<double>(lane[0]);
      if (s.even && last > 0 && last - k < static_cast<std::size_t>(V::lanes)) edges += static_cast<double>(lane[last - k]);
    }
  }
  double value() const { return 2 * static_cast<double>(sum(total)) - edges; }
};

// Refreshes the given shares of these bins: proportional to how far the points, point(j), are from the last mix(.).
template <class V, class T, class Point>
inline void refresh_weights(const InversionStep<T>& s, const Point& point, std::size_t k, std::size_t count) {
  const auto moved = [&](std::size_t j) PW_LAMBDA { return modulus(load_planar<V>(s.previous + j * s.previous_stride, s.padded, k) - point(j)); };
  V total = V::zero();
  for (std::size_t j = 0; j < s.sources; ++j) total = total + moved(j);
  for (std::size_t j = 0; j < s.sources; ++j) {
    T* weights = s.weights + j * s.row_stride + k;
    store_part(select_positive(total, moved(j) / max(total, V::broadcast(smallest_square<T>)), load_part<V>(weights, count)), weights, count);
  }
}

// X - sum of point(j)
template <class V, class T, class Point>
PW_INLINE Complex<V> mixing_error(const InversionStep<T>& s, const Point& point, std::size_t k, std::size_t count) {
  Complex<V> e{V::zero(), V::zero()};
  if (s.mixture == nullptr) return e;
  e = load_interleaved<V>(s.mixture + 2 * k, count);
  for (std::size_t j = 0; j < s.sources; ++j) e = e - point(j);
  return e;
}

// Asks for what the next frame needs of these bins. In one go, it would wait for memory; here the arithmetic covers it.
template <Update U, class V, class T>
PW_INLINE void fetch_next(const InversionStep<T>& s, std::size_t k) {
  const std::size_t next = k + s.bins;
  const auto fetch_complex = [](const T* p) PW_LAMBDA {
    prefetch(p);
    prefetch(p + V::lanes);
  };
  if (s.mixture != nullptr) fetch_complex(s.mixture + 2 * next);
  for (std::size_t j = 0; j < s.sources; ++j) {
    prefetch(s.magnitudes + j * s.row_stride + next);
    if (s.sharing == Sharing::given) prefetch(s.weights + j * s.row_stride + next);
    if constexpr (phasewise::refers_to_estimate(U)) fetch_complex(s.spectra + 2 * (j * s.row_stride + next));
    if (k < s.arriving) prefetch(s.samples + j * s.sample_stride + k);
  }
}

template <Update U, class T>
double run_step(const InversionStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  OneSidedSum<V> cost;
  const V sigma = V::broadcast(s.sigma), one = V::broadcast(T(1)), two = V::broadcast(T(2)), equal = one / V::broadcast(static_cast<T>(s.sources));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const std::size_t count = s.bins - k;
    fetch_next<U, V>(s, k);
    const auto magnitude = [&](std::size_t j) PW_LAMBDA { return load_part<V>(s.magnitudes + j * s.row_stride + k, count); };
    const auto point = [&](std::size_t j) PW_LAMBDA { return load_planar<V>(s.points + 2 * j * s.padded, s.padded, k); };
    const auto put_point = [&](std::size_t j, Complex<V> z) PW_LAMBDA { store_planar(z, s.points + 2 * j * s.padded, s.padded, k); };
    const auto estimate = [&](std::size_t j) PW_LAMBDA { return load_interleaved<V>(s.spectra + 2 * (j * s.row_stride + k), count); };
    const auto put = [&](std::size_t j, Complex<V> z) PW_LAMBDA {
      put_point(j, z);
      if (s.spectra != nullptr) store_interleaved(z, s.spectra + 2 * (j * s.row_stride + k), count);
    };
    const auto add_square = [&](V x) PW_LAMBDA { cost.add(x * x, k, s); };
    // Mixes point(j) with the given error.
    const auto put_mixed = [&](Complex<V> e) PW_LAMBDA {
      if (s.refresh) refresh_weights<V>(s, point, k, count);
      const Shares<V, T> share(s, equal, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> mixed = s.mixture == nullptr ? point(j) : add_scaled(share(j), e, point(j));
        if (s.previous != nullptr) store_planar(mixed, s.previous + j * s.previous_stride, s.padded, k);
        put(j, mixed);
      }
    };

    if constexpr (U == Update::griffin_lim) {
      for (std::size_t j = 0; j < s.sources; ++j) {
        const V v = magnitude(j);
        if (s.costs) add_square(modulus(s.consistent == nullptr ? point(j) : load_planar<V>(s.consistent + 2 * j * s.padded, s.padded, k)) - v);
        if (!s.evaluate) put(j, with_magnitude(point(j), v));
      }
    } else if constexpr (U == Update::misi) {
      Complex<V> e = s.mixture == nullptr ? Complex<V>{V::zero(), V::zero()} : load_interleaved<V>(s.mixture + 2 * k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = point(j);
        const V v = magnitude(j);
        if (s.costs) add_square(modulus(g) - v);
        if (s.evaluate) continue;
        const Complex<V> y = with_magnitude(g, v);
        e = e - y;
        s.mix_last ? put_point(j, y) : put(j, y);
      }
      if (!s.evaluate && s.mix_last) put_mixed(e);
    } else if constexpr (U == Update::mix_incons || U == Update::mix_incons_hard_mag) {
      const Complex<V> e = mixing_error<V>(s, estimate, k, count);
      if (s.costs) {
        for (std::size_t j = 0; j < s.sources; ++j) cost.add(sigma * squared(estimate(j) - point(j)), k, s);
        cost.add(squared(e), k, s);
      }
      if (s.evaluate) continue;
      if (s.refresh) refresh_weights<V>(s, estimate, k, count);
      const Shares<V, T> share(s, equal, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const V w = share(j), pull = sigma * w;
        const Complex<V> mixed = add_scaled(w, e, estimate(j));
        if (s.previous != nullptr) store_planar(mixed, s.previous + j * s.previous_stride, s.padded, k);
        const Complex<V> y = add_scaled(pull, point(j), mixed);
        put(j, U == Update::mix_incons ? scaled(one / (one + pull), y) : with_magnitude(y, magnitude(j)));
      }
    } else if constexpr (U == Update::incons_hard_mix) {
      if (s.costs)
        for (std::size_t j = 0; j < s.sources; ++j) cost.add(squared(estimate(j) - point(j)), k, s);
      if (!s.evaluate) put_mixed(mixing_error<V>(s, point, k, count));
    } else if constexpr (U == Update::mag_incons_hard_mix) {
      Complex<V> e = s.mixture == nullptr ? Complex<V>{V::zero(), V::zero()} : load_interleaved<V>(s.mixture + 2 * k, count);
      const V share = one / (one + sigma);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> z = estimate(j), g = point(j);
        const V v = magnitude(j);
        if (s.costs) {
          cost.add(sigma * squared(z - g), k, s);
          add_square(modulus(z) - v);
        }
        if (s.evaluate) continue;
        const Complex<V> y = scaled(share, add_scaled(sigma, g, with_magnitude(z, v)));
        e = e - y;
        put_point(j, y);
      }
      if (!s.evaluate) put_mixed(e);
    } else if constexpr (U == Update::bregman) {
      const Divergence<V, T> divergence(s.rule);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = point(j);
        const V modulus_g = modulus(g), y = divergence.regular(modulus_g), v = divergence.regular(magnitude(j));
        if (s.costs) cost.add(divergence.value(y, v), k, s);
        if (s.evaluate) continue;
        // The gradient points along g: its magnitude alone changes. Where that is next to nothing, so is the gradient.
        const V share = s.rule.floor > T(0) ? modulus_g / y : one;
        put_point(j, with_magnitude(g, modulus_g + (divergence.descended(y, v, share) - y)));
      }
      if (!s.evaluate) put_mixed(mixing_error<V>(s, point, k, count));
    } else {
      const Divergence<V, T> divergence(s.rule);
      const Complex<V> e = mixing_error<V>(s, point, k, count);
      if (s.refresh) refresh_weights<V>(s, point, k, count);
      const Shares<V, T> share(s, equal, k, count);
      const V alpha = V::broadcast(s.alpha), beta = V::broadcast(s.beta), gamma = V::broadcast(s.gamma);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = point(j), b = s.mixture == nullptr ? g : add_scaled(share(j), e, g);
        const V v = magnitude(j);
        if (s.costs) {
          if constexpr (U == Update::reflection) add_square(modulus(b) - v);
          else cost.add(divergence.value(divergence.regular(modulus(b)), divergence.regular(v)), k, s);
        }
        if (s.previous != nullptr) store_planar(b, s.previous + j * s.previous_stride, s.padded, k);
        if (s.evaluate) {
          put(j, b);
          continue;
        }
        const Complex<V> z = estimate(j), reflected{fms(two, b.re, z.re), fms(two, b.im, z.im)};
        V target = v;
        if constexpr (U == Update::bregman_reflection) target = divergence.proximal(modulus(reflected), divergence.regular(v));
        const Complex<V> moved = add_scaled(beta, with_magnitude(reflected, target), scaled(alpha, z));
        put(j, add_scaled(gamma, b, moved));
      }
    }
  }
  return cost.value();
}

template <class T>
double step(const InversionStep<T>& s) {
  switch (s.update) {
    case Update::griffin_lim: return run_step<Update::griffin_lim>(s);
    case Update::misi: return run_step<Update::misi>(s);
    case Update::mix_incons: return run_step<Update::mix_incons>(s);
    case Update::mix_incons_hard_mag: return run_step<Update::mix_incons_hard_mag>(s);
    case Update::incons_hard_mix: return run_step<Update::incons_hard_mix>(s);
    case Update::mag_incons_hard_mix: return run_step<Update::mag_incons_hard_mix>(s);
    case Update::reflection: return run_step<Update::reflection>(s);
    case Update::bregman: return run_step<Update::bregman>(s);
    case Update::bregman_reflection: return run_step<Update::bregman_reflection>(s);
  }
  return 0;
}

template <class T>
void mix(const InversionStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V equal = V::broadcast(T(1) / static_cast<T>(s.sources));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const std::size_t count = s.bins - k;
    const auto point = [&](std::size_t j) PW_LAMBDA { return load_planar<V>(s.points + 2 * j * s.padded, s.padded, k); };
    const Complex<V> e = mixing_error<V>(s, point, k, count);
    if (s.refresh) refresh_weights<V>(s, point, k, count);
    const Shares<V, T> share(s, equal, k, count);
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> mixed = add_scaled(share(j), e, point(j));
      if (s.previous != nullptr) store_planar(mixed, s.previous + j * s.previous_stride, s.padded, k);
      store_planar(mixed, s.points + 2 * j * s.padded, s.padded, k);
    }
  }
}

template <class T>
void take_mixture_phase(const InversionStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < s.padded; k += V::lanes) {
    const std::size_t count = k < s.bins ? s.bins - k : 0;
    const Complex<V> u = with_magnitude(load_interleaved<V>(s.mixture + 2 * k, count), V::broadcast(T(1)));
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> z = scaled(load_part<V>(s.magnitudes + j * s.row_stride + k, count), u);
      store_planar(z, s.points + 2 * j * s.padded, s.padded, k);
      if (s.spectra != nullptr) store_interleaved(z, s.spectra + 2 * (j * s.row_stride + k), count);
    }
  }
}

template <class T>
void extrapolate(const T* fresh, const T* last, std::size_t n, T fresh_share, T last_share, T* out, T* kept) {
  for_each_lane<T>(n, [&](auto lanes, std::size_t i) PW_LAMBDA {
    using V = decltype(lanes);
    const V x = V::load(fresh + i), scaled = V::broadcast(fresh_share) * x;
    const V y = last_share == T(0) ? scaled : fma(V::broadcast(last_share), V::load(last + i), scaled);
    if (kept != nullptr) x.store(kept + i);
    y.store(out + i);
  });
}

template <class T>
void to_planar(const T* interleaved, std::size_t bins, std::size_t padded, T* planar) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < padded; k += V::lanes)
    store_planar(load_interleaved<V>(interleaved + 2 * k, k < bins ? bins - k : 0), planar, padded, k);
}

template <class T>
void to_interleaved(const T* planar, std::size_t bins, std::size_t padded, T* interleaved) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < bins; k += V::lanes) store_interleaved(load_planar<V>(planar, padded, k), interleaved + 2 * k, bins - k);
}

template <class T>
constexpr phasewise::InversionKernels<T> inversion_kernels() {
  return {step<T>, mix<T>, take_mixture_phase<T>, extrapolate<T>, to_planar<T>, to_interleaved<T>};
}

}  // namespace
