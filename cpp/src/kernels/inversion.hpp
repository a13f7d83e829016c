// Bin-wise updates of the inversion family, L bins of all sources at a time.
#pragma once

#include "bregman.hpp"
#include "partial.hpp"
#include "phasewise/kernels/inversion_table.hpp"

namespace {

using phasewise::InversionStep;
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

// Squares below this are zero for the purpose of a phase.
template <class T>
inline constexpr T smallest_square = sizeof(T) == 4 ? T(1e-36) : T(1e-290);

template <class V>
PW_INLINE V modulus(Complex<V> z) { return sqrt(squared(z)); }

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

template <class V>
PW_INLINE V weight(const InversionStep<typename V::value_type>& s, std::size_t j, std::size_t k, std::size_t count) {
  using T = typename V::value_type;
  if (s.weights == nullptr) return V::broadcast(T(1) / static_cast<T>(s.sources));
  return load_part<V>(s.weights + j * s.row_stride + k, count);
}

// points: source j at 2 j padded (planar). Refreshes the weights of these bins from the distance to the last mix(.).
template <class V, class T>
inline void refresh_weights(const InversionStep<T>& s, const T* points, std::size_t stride, std::size_t k, std::size_t count) {
  V total = V::zero();
  for (std::size_t j = 0; j < s.sources; ++j)
    total = total + modulus(load_planar<V>(s.previous + j * s.previous_stride, s.padded, k) - load_planar<V>(points + j * stride, s.padded, k));
  for (std::size_t j = 0; j < s.sources; ++j) {
    const V moved = modulus(load_planar<V>(s.previous + j * s.previous_stride, s.padded, k) - load_planar<V>(points + j * stride, s.padded, k));
    const V fresh = select_positive(total, moved / max(total, V::broadcast(smallest_square<T>)), weight<V>(s, j, k, count));
    T lane[V::lanes];
    fresh.store(lane);
    for (std::size_t i = 0; i < count && i < static_cast<std::size_t>(V::lanes); ++i) s.weights[j * s.row_stride + k + i] = lane[i];
  }
}

// The mixing error of points laid out as above; refreshes the weights first when asked to.
template <class V, class T>
PW_INLINE Complex<V> mixing_error(const InversionStep<T>& s, const T* points, std::size_t stride, std::size_t k, std::size_t count) {
  if (s.refresh) refresh_weights<V>(s, points, stride, k, count);
  Complex<V> e{V::zero(), V::zero()};
  if (s.mixture == nullptr) return e;
  e = load_interleaved<V>(s.mixture + 2 * k, count);
  for (std::size_t j = 0; j < s.sources; ++j) e = e - load_planar<V>(points + j * stride, s.padded, k);
  return e;
}
template <class V, class T>
PW_INLINE void remember(const InversionStep<T>& s, std::size_t j, std::size_t k, Complex<V> mixed) {
  if (s.previous != nullptr) store_planar(mixed, s.previous + j * s.previous_stride, s.padded, k);
}

template <Update U, class T>
double run_step(const InversionStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  OneSidedSum<V> cost;
  const std::size_t stride = 2 * s.padded;
  const V sigma = V::broadcast(s.sigma), one = V::broadcast(T(1)), two = V::broadcast(T(2));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const std::size_t count = s.bins - k;
    const auto magnitude = [&](std::size_t j) PW_LAMBDA { return load_part<V>(s.magnitudes + j * s.row_stride + k, count); };
    const auto state = [&](std::size_t j) PW_LAMBDA { return load_planar<V>(s.state + j * s.state_stride, s.padded, k); };
    const auto projected = [&](std::size_t j) PW_LAMBDA { return load_planar<V>(s.projected + j * stride, s.padded, k); };
    const auto put_state = [&](std::size_t j, Complex<V> z) PW_LAMBDA { store_planar(z, s.state + j * s.state_stride, s.padded, k); };
    const auto put_point = [&](std::size_t j, Complex<V> z) PW_LAMBDA { store_planar(z, s.projected + j * stride, s.padded, k); };
    const auto add_square = [&](V x) PW_LAMBDA { cost.add(x * x, k, s); };

    if constexpr (U == Update::griffin_lim) {
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = projected(j);
        add_square(modulus(g) - magnitude(j));
        if (s.evaluate) continue;
        Complex<V> y = g;
        if (s.previous != nullptr) {
          y = add_scaled(V::broadcast(-s.momentum), load_planar<V>(s.previous + j * s.previous_stride, s.padded, k), g);
          remember(s, j, k, g);
        }
        put_state(j, with_magnitude(y, magnitude(j)));
      }
    } else if constexpr (U == Update::misi) {
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = projected(j);
        const V v = magnitude(j);
        add_square(modulus(g) - v);
        if (s.evaluate) continue;
        const Complex<V> y = with_magnitude(g, v);
        s.mix_last ? put_point(j, y) : put_state(j, y);
      }
      if (s.evaluate || !s.mix_last) continue;
      const Complex<V> e = mixing_error<V>(s, s.projected, stride, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> mixed = add_scaled(weight<V>(s, j, k, count), e, projected(j));
        remember(s, j, k, mixed);
        put_state(j, mixed);
      }
    } else if constexpr (U == Update::mix_incons || U == Update::mix_incons_hard_mag) {
      Complex<V> error = load_interleaved<V>(s.mixture + 2 * k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        error = error - state(j);
        cost.add(sigma * squared(state(j) - projected(j)), k, s);
      }
      cost.add(squared(error), k, s);
      if (s.evaluate) continue;
      const Complex<V> e = mixing_error<V>(s, s.state, s.state_stride, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const V w = weight<V>(s, j, k, count), pull = sigma * w;
        const Complex<V> mixed = add_scaled(w, e, state(j));
        remember(s, j, k, mixed);
        const Complex<V> y = add_scaled(pull, projected(j), mixed);
        put_state(j, U == Update::mix_incons ? scaled(one / (one + pull), y) : with_magnitude(y, magnitude(j)));
      }
    } else if constexpr (U == Update::incons_hard_mix || U == Update::mag_incons_hard_mix) {
      for (std::size_t j = 0; j < s.sources; ++j) {
        const V distance = squared(state(j) - projected(j));
        if constexpr (U == Update::incons_hard_mix) {
          cost.add(distance, k, s);
        } else {
          cost.add(sigma * distance, k, s);
          add_square(modulus(state(j)) - magnitude(j));
          if (!s.evaluate)
            put_point(j, scaled(one / (one + sigma), add_scaled(sigma, projected(j), with_magnitude(state(j), magnitude(j)))));
        }
      }
      if (s.evaluate) continue;
      const Complex<V> e = mixing_error<V>(s, s.projected, stride, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> mixed = add_scaled(weight<V>(s, j, k, count), e, projected(j));
        remember(s, j, k, mixed);
        put_state(j, mixed);
      }
    } else if constexpr (U == Update::bregman) {
      const Divergence<V, T> divergence(s.rule);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = projected(j);
        const V modulus_g = modulus(g), y = divergence.regular(modulus_g), v = divergence.regular(magnitude(j));
        if (s.costs) cost.add(divergence.value(y, v), k, s);
        if (s.evaluate) continue;
        // The gradient points along g: its magnitude alone changes. Where that is next to nothing, so is the gradient.
        const V share = s.rule.floor > T(0) ? modulus_g / y : one;
        put_point(j, with_magnitude(g, modulus_g + (divergence.descended(y, v, share) - y)));
      }
      if (s.evaluate) continue;
      const Complex<V> e = mixing_error<V>(s, s.projected, stride, k, count);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> point = s.mixture == nullptr ? projected(j) : add_scaled(weight<V>(s, j, k, count), e, projected(j));
        Complex<V> moved = point;
        if (s.previous != nullptr) {
          moved = add_scaled(V::broadcast(s.momentum), point - load_planar<V>(s.previous + j * s.previous_stride, s.padded, k), point);
          remember(s, j, k, point);
        }
        put_state(j, moved);
      }
    } else {
      const Divergence<V, T> divergence(s.rule);
      const Complex<V> e = mixing_error<V>(s, s.projected, stride, k, count);
      const V alpha = V::broadcast(s.alpha), beta = V::broadcast(s.beta), gamma = V::broadcast(s.gamma);
      for (std::size_t j = 0; j < s.sources; ++j) {
        const Complex<V> g = projected(j);
        const Complex<V> b = s.mixture == nullptr ? g : add_scaled(weight<V>(s, j, k, count), e, g);
        const V v = magnitude(j);
        if constexpr (U == Update::reflection) {
          add_square(modulus(b) - v);
        } else if (s.costs) {
          cost.add(divergence.value(divergence.regular(modulus(b)), divergence.regular(v)), k, s);
        }
        remember(s, j, k, b);
        if (s.evaluate) {
          put_state(j, b);
          continue;
        }
        const Complex<V> point = state(j), reflected{fms(two, b.re, point.re), fms(two, b.im, point.im)};
        V target = v;
        if constexpr (U == Update::bregman_reflection) target = divergence.proximal(modulus(reflected), divergence.regular(v));
        const Complex<V> moved = add_scaled(beta, with_magnitude(reflected, target), scaled(alpha, point));
        put_state(j, add_scaled(gamma, b, moved));
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
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const std::size_t count = s.bins - k;
    const Complex<V> e = mixing_error<V>(s, s.state, s.state_stride, k, count);
    for (std::size_t j = 0; j < s.sources; ++j) {
      T* row = s.state + j * s.state_stride;
      const Complex<V> mixed = add_scaled(weight<V>(s, j, k, count), e, load_planar<V>(row, s.padded, k));
      remember(s, j, k, mixed);
      store_planar(mixed, row, s.padded, k);
    }
  }
}

template <class T>
void take_mixture_phase(const InversionStep<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < s.padded; k += V::lanes) {
    const std::size_t count = k < s.bins ? s.bins - k : 0;
    const Complex<V> u = with_magnitude(load_interleaved<V>(s.mixture + 2 * k, count), V::broadcast(T(1)));
    for (std::size_t j = 0; j < s.sources; ++j)
      store_planar(scaled(load_part<V>(s.magnitudes + j * s.row_stride + k, count), u), s.state + j * s.state_stride, s.padded, k);
  }
}

template <class T>
void to_planar(const T* interleaved, std::size_t bins, std::size_t padded, T* planar) {
  for (std::size_t k = 0; k < bins; ++k) {
    planar[k] = interleaved[2 * k];
    planar[padded + k] = interleaved[2 * k + 1];
  }
  for (std::size_t k = bins; k < padded; ++k) planar[k] = planar[padded + k] = T(0);
}

template <class T>
void to_interleaved(const T* planar, std::size_t bins, std::size_t padded, T* interleaved) {
  for (std::size_t k = 0; k < bins; ++k) {
    interleaved[2 * k] = planar[k];
    interleaved[2 * k + 1] = planar[padded + k];
  }
}

template <class T>
constexpr phasewise::InversionKernels<T> inversion_kernels() {
  return {step<T>, mix<T>, take_mixture_phase<T>, to_planar<T>, to_interleaved<T>};
}

}  // namespace
