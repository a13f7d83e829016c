// Layers of unfolded inversion and their gradients, L bins of all sources at a time.
#pragma once

#include "partial.hpp"
#include "phasewise/kernels/unfolding_table.hpp"
#include "vec_math.hpp"

namespace {

using phasewise::Layer;
using phasewise::LayerFrame;

constexpr std::size_t most_sources = phasewise::most_unfolded_sources;

// Squares and magnitudes below this are zero for the purpose of a phase and its gradient.
template <class T>
inline constexpr T smallest_square = sizeof(T) == 4 ? T(1e-36) : T(1e-290);

template <class V>
PW_INLINE V dot(Complex<V> a, Complex<V> b) { return fma(a.re, b.re, a.im * b.im); }
template <class V>
PW_INLINE Complex<V> scaled(V s, Complex<V> z) { return {s * z.re, s * z.im}; }
template <class V>
PW_INLINE Complex<V> add_scaled(V s, Complex<V> z, Complex<V> y) { return {fma(s, z.re, y.re), fma(s, z.im, y.im)}; }
template <class V>
PW_INLINE Complex<V> nought() { return {V::zero(), V::zero()}; }

template <class V, class T>
PW_INLINE Complex<V> load_planar(const T* row, std::size_t padded, std::size_t k) { return {V::load(row + k), V::load(row + padded + k)}; }
template <class V, class T>
PW_INLINE void store_planar(Complex<V> z, T* row, std::size_t padded, std::size_t k) {
  z.re.store(row + k);
  z.im.store(row + padded + k);
}
template <class V, class T>
PW_INLINE void add_part(V x, T* p, std::size_t count) { store_part(load_part<V>(p, count) + x, p, count); }

// A point on the way to its magnitude. The phase of zero is 0.
template <class V>
struct Pull {
  using T = typename V::value_type;
  Complex<V> phasor, towards;  // Y / |Y|, V Y / |Y| - Y
  V gain;                      // V / |Y|, bounded; 0 where there is no phase

  PW_INLINE Pull(Complex<V> y, V v, V epsilon) {
    const V one = V::broadcast(T(1)), floor = V::broadcast(smallest_square<T>);
    const V square = dot(y, y), live = square - floor, inverse = reciprocal_sqrt(max(square, floor));
    phasor = {select_positive(live, inverse * y.re, one), select_positive(live, inverse * y.im, V::zero())};
    towards = {v * phasor.re - y.re, v * phasor.im - y.im};
    const V bounded = max(square * inverse, epsilon * v);
    gain = select_positive(min(live, bounded - floor), v / max(bounded, floor), V::zero());
  }
  PW_INLINE Complex<V> step(V eta, Complex<V> y) const { return add_scaled(eta, towards, y); }
  // Gradient of y from that of step(eta, y); those of v and eta are added to.
  PW_INLINE Complex<V> back(V eta, Complex<V> g, V& of_v, V& of_eta) const {
    of_eta = of_eta + dot(towards, g);
    const Complex<V> turned = scaled(eta, g);
    const V radial = dot(phasor, turned), rest = V::broadcast(T(1)) - eta;
    of_v = of_v + radial;
    return add_scaled(gain, add_scaled(-radial, phasor, turned), scaled(rest, g));
  }
};

// The mixing weights of L bins.
template <class V>
struct Shares {
  using T = typename V::value_type;
  V weight[most_sources], relative[most_sources], largest;

  PW_INLINE Shares(const LayerFrame<T>& s, const V* v, V exponent, std::size_t k, std::size_t count) {
    const V equal = V::broadcast(T(1) / static_cast<T>(s.sources)), one = V::broadcast(T(1));
    largest = V::zero();
    for (std::size_t j = 0; j < s.sources; ++j) {
      weight[j] = s.weights == nullptr ? equal : load_part<V>(s.weights + j * s.row_stride + k, count);
      relative[j] = V::zero();
      largest = max(largest, v[j]);
    }
    if (s.weights != nullptr) return;
    const V tiny = V::broadcast(sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022)), scale = one / max(largest, tiny);
    for (std::size_t j = 0; j < s.sources; ++j) relative[j] = v[j] * scale;
    if (s.equal) return;
    V total = V::zero();
    for (std::size_t j = 0; j < s.sources; ++j) {
      const V none = select_positive(exponent, V::zero(), one);  // 0^p
      weight[j] = select_positive(relative[j] - tiny, pow(max(relative[j], tiny), exponent), none);
      total = total + weight[j];
    }
    const V inverse = one / max(total, tiny);
    for (std::size_t j = 0; j < s.sources; ++j) weight[j] = select_positive(total, weight[j] * inverse, equal);
  }
  // Adds the gradients of the magnitudes and the exponent, from those of the weights.
  PW_INLINE void back(const LayerFrame<T>& s, const V* v, const V* of_weight, V exponent, V epsilon, V* of_v, V& of_exponent) const {
    if (s.equal && s.of_parameters == nullptr) return;
    const V floor = V::broadcast(sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022));
    V total = V::zero();
    for (std::size_t j = 0; j < s.sources; ++j) total = fma(weight[j], of_weight[j], total);
    for (std::size_t j = 0; j < s.sources; ++j) {
      const V moved = select_positive(largest, weight[j] * (of_weight[j] - total), V::zero());
      of_v[j] = of_v[j] + exponent * moved / max(max(v[j], epsilon * largest), floor);
      if (s.of_parameters != nullptr) of_exponent = of_exponent + moved * log(max(relative[j], epsilon));
    }
  }
};

// What all layers load of L bins.
template <class V>
struct Bins {
  using T = typename V::value_type;
  const LayerFrame<T>& s;
  std::size_t k, count;
  V sigma, exponent, b, eta, epsilon, v[most_sources];
  Complex<V> mixture;

  PW_INLINE Bins(const LayerFrame<T>& frame, std::size_t first) : s(frame), k(first), count(frame.bins - first) {
    sigma = parameter(0);
    exponent = parameter(1);
    b = parameter(2);
    eta = parameter(3);
    epsilon = V::broadcast(s.epsilon);
    mixture = load_interleaved<V>(s.mixture + 2 * k, count);
    for (std::size_t j = 0; j < s.sources; ++j) v[j] = load_part<V>(s.magnitudes + j * s.row_stride + k, count);
  }
  PW_INLINE V parameter(std::size_t row) const { return load_part<V>(s.parameters + row * s.bins + k, count); }
  PW_INLINE Complex<V> projected(std::size_t j) const { return load_planar<V>(s.projected + 2 * j * s.padded, s.padded, k); }
  PW_INLINE Complex<V> state(std::size_t j) const { return load_interleaved<V>(s.state + 2 * (j * s.row_stride + k), count); }
  PW_INLINE Complex<V> gradient(std::size_t j) const { return load_planar<V>(s.gradient + 2 * j * s.padded, s.padded, k); }
  PW_INLINE void put(std::size_t j, Complex<V> z) const {
    store_planar(z, s.projected + 2 * j * s.padded, s.padded, k);
    if (s.next != nullptr) store_interleaved(z, s.next + 2 * (j * s.row_stride + k), count);
  }
  PW_INLINE Complex<V> error(const Complex<V>* points) const {
    Complex<V> e = mixture;
    for (std::size_t j = 0; j < s.sources; ++j) e = e - points[j];
    return e;
  }
};

template <Layer L>
inline constexpr bool mixes_the_state = L == Layer::mix_incons || L == Layer::mix_incons_hard_mag;
template <Layer L>
inline constexpr bool reflects = L == Layer::rrr || L == Layer::raar;

// What a layer mixes: step(G), S, the compromise of magnitudes and consistency, or G.
template <Layer L, class V>
PW_INLINE Complex<V> to_mix(const Bins<V>& at, std::size_t j) {
  const V one = V::broadcast(typename V::value_type(1));
  if constexpr (L == Layer::misi) {
    const Complex<V> g = at.projected(j);
    return Pull<V>(g, at.v[j], at.epsilon).step(at.eta, g);
  } else if constexpr (mixes_the_state<L>) {
    return at.state(j);
  } else if constexpr (L == Layer::mag_incons_hard_mix) {
    const Complex<V> y = at.state(j);
    return scaled(one / (one + at.sigma), add_scaled(at.sigma, at.projected(j), Pull<V>(y, at.v[j], at.epsilon).step(at.eta, y)));
  } else {
    return at.projected(j);
  }
}

template <Layer L, class T>
void run_layer(const LayerFrame<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V one = V::broadcast(T(1)), two = V::broadcast(T(2));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const Bins<V> at(s, k);
    const Shares<V> shares(s, at.v, at.exponent, k, at.count);
    Complex<V> points[most_sources];
    for (std::size_t j = 0; j < s.sources; ++j) points[j] = to_mix<L>(at, j);
    const Complex<V> e = at.error(points);
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> mixed = add_scaled(shares.weight[j], e, points[j]);
      if constexpr (L == Layer::mix) {
        at.put(j, mixed);
      } else if constexpr (reflects<L>) {
        const Complex<V> state = at.state(j), reflected{fms(two, mixed.re, state.re), fms(two, mixed.im, state.im)};
        const Complex<V> moved = Pull<V>(reflected, at.v[j], at.epsilon).step(at.eta, reflected);
        const Complex<V> kept = L == Layer::raar ? scaled(at.b, state) : state;
        const V gamma = L == Layer::raar ? one - two * at.b : -at.b;
        at.put(j, add_scaled(gamma, mixed, add_scaled(at.b, moved, kept)));
      } else {
        const Complex<V> from = L == Layer::misi ? at.projected(j) : at.state(j);
        Complex<V> target = mixed;
        if constexpr (mixes_the_state<L>) {
          const V pull = at.sigma * shares.weight[j];
          target = scaled(one / (one + pull), add_scaled(pull, at.projected(j), mixed));
          if constexpr (L == Layer::mix_incons_hard_mag) target = Pull<V>(target, at.v[j], at.epsilon).step(at.eta, target);
        }
        at.put(j, add_scaled(at.b, target - from, from));
      }
    }
  }
}

template <Layer L, class T>
void run_layer_backward(const LayerFrame<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V one = V::broadcast(T(1)), two = V::broadcast(T(2));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const Bins<V> at(s, k);
    const Shares<V> shares(s, at.v, at.exponent, k, at.count);
    // of_mixed: of what mix() gave; direct: what of S and G does not come through mix()
    Complex<V> points[most_sources], of_mixed[most_sources], of_state[most_sources], of_projected[most_sources];
    V of_v[most_sources], of_weight[most_sources], of_sigma = V::zero(), of_exponent = V::zero(), of_b = V::zero(), of_eta = V::zero();
    for (std::size_t j = 0; j < s.sources; ++j) points[j] = to_mix<L>(at, j);
    const Complex<V> e = at.error(points);
    Complex<V> common = nought<V>();
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> g = at.gradient(j), mixed = add_scaled(shares.weight[j], e, points[j]);
      of_v[j] = V::zero();
      of_weight[j] = V::zero();
      of_state[j] = of_projected[j] = nought<V>();
      if constexpr (L == Layer::mix) {
        of_mixed[j] = g;
      } else if constexpr (reflects<L>) {
        const Complex<V> state = at.state(j), reflected{fms(two, mixed.re, state.re), fms(two, mixed.im, state.im)};
        const Pull<V> pull(reflected, at.v[j], at.epsilon);
        const Complex<V> moved = pull.step(at.eta, reflected);
        const Complex<V> along = L == Layer::raar ? add_scaled(-two, mixed, state + moved) : moved - mixed;
        of_b = of_b + dot(along, g);
        const Complex<V> of_reflected = pull.back(at.eta, scaled(at.b, g), of_v[j], of_eta);
        of_state[j] = (L == Layer::raar ? scaled(at.b, g) : g) - of_reflected;
        of_mixed[j] = add_scaled(L == Layer::raar ? one - two * at.b : -at.b, g, scaled(two, of_reflected));
      } else {
        const Complex<V> from = L == Layer::misi ? at.projected(j) : at.state(j), kept = scaled(one - at.b, g);
        (L == Layer::misi ? of_projected : of_state)[j] = kept;
        of_mixed[j] = scaled(at.b, g);
        Complex<V> target = mixed;
        if constexpr (mixes_the_state<L>) {
          const V pull = at.sigma * shares.weight[j], share = one / (one + pull);
          const Complex<V> y = scaled(share, add_scaled(pull, at.projected(j), mixed));
          target = y;
          if constexpr (L == Layer::mix_incons_hard_mag) {
            const Pull<V> to(y, at.v[j], at.epsilon);
            target = to.step(at.eta, y);
            of_mixed[j] = to.back(at.eta, of_mixed[j], of_v[j], of_eta);
          }
          of_mixed[j] = scaled(share, of_mixed[j]);
          const V of_pull = dot(at.projected(j) - y, of_mixed[j]);
          of_projected[j] = scaled(pull, of_mixed[j]);
          of_weight[j] = at.sigma * of_pull;
          of_sigma = fma(shares.weight[j], of_pull, of_sigma);
        }
        of_b = of_b + dot(target - from, g);
      }
      common = add_scaled(shares.weight[j], of_mixed[j], common);
      of_weight[j] = of_weight[j] + dot(e, of_mixed[j]);
    }
    for (std::size_t j = 0; j < s.sources; ++j) {
      const Complex<V> of_point = of_mixed[j] - common;
      if constexpr (L == Layer::misi) {
        const Complex<V> y = at.projected(j);
        of_projected[j] = of_projected[j] + Pull<V>(y, at.v[j], at.epsilon).back(at.eta, of_point, of_v[j], of_eta);
      } else if constexpr (mixes_the_state<L>) {
        of_state[j] = of_state[j] + of_point;
      } else if constexpr (L == Layer::mag_incons_hard_mix) {
        const Complex<V> y = at.state(j), part = scaled(one / (one + at.sigma), of_point);
        of_sigma = of_sigma + dot(at.projected(j) - points[j], part);
        of_projected[j] = scaled(at.sigma, part);
        of_state[j] = of_state[j] + Pull<V>(y, at.v[j], at.epsilon).back(at.eta, part, of_v[j], of_eta);
      } else {
        of_projected[j] = of_point;
      }
    }
    if (s.weights == nullptr) shares.back(s, at.v, of_weight, at.exponent, at.epsilon, of_v, of_exponent);
    const auto add_complex = [&](Complex<V> z, T* p) PW_LAMBDA { store_interleaved(load_interleaved<V>(p, at.count) + z, p, at.count); };
    add_complex(common, s.of_mixture + 2 * k);
    for (std::size_t j = 0; j < s.sources; ++j) {
      store_planar(of_projected[j], s.projected + 2 * j * s.padded, s.padded, k);
      if (s.of_state != nullptr) store_interleaved(of_state[j], s.of_state + 2 * (j * s.row_stride + k), at.count);
      add_part(of_v[j], s.of_magnitudes + j * s.row_stride + k, at.count);
      if (s.weights != nullptr) add_part(of_weight[j], s.of_weights + j * s.row_stride + k, at.count);
    }
    if (s.of_parameters == nullptr) continue;
    const V rows[phasewise::layer_parameters] = {of_sigma, of_exponent, of_b, of_eta};
    for (std::size_t row = 0; row < phasewise::layer_parameters; ++row) store_part(rows[row], s.of_parameters + row * s.bins + k, at.count);
  }
}

template <class T>
void layer_step(const LayerFrame<T>& s) {
  switch (s.layer) {
    case Layer::misi: return run_layer<Layer::misi>(s);
    case Layer::mix_incons: return run_layer<Layer::mix_incons>(s);
    case Layer::mix_incons_hard_mag: return run_layer<Layer::mix_incons_hard_mag>(s);
    case Layer::mag_incons_hard_mix: return run_layer<Layer::mag_incons_hard_mix>(s);
    case Layer::rrr: return run_layer<Layer::rrr>(s);
    case Layer::raar: return run_layer<Layer::raar>(s);
    case Layer::mix: return run_layer<Layer::mix>(s);
  }
}

template <class T>
void layer_step_backward(const LayerFrame<T>& s) {
  switch (s.layer) {
    case Layer::misi: return run_layer_backward<Layer::misi>(s);
    case Layer::mix_incons: return run_layer_backward<Layer::mix_incons>(s);
    case Layer::mix_incons_hard_mag: return run_layer_backward<Layer::mix_incons_hard_mag>(s);
    case Layer::mag_incons_hard_mix: return run_layer_backward<Layer::mag_incons_hard_mix>(s);
    case Layer::rrr: return run_layer_backward<Layer::rrr>(s);
    case Layer::raar: return run_layer_backward<Layer::raar>(s);
    case Layer::mix: return run_layer_backward<Layer::mix>(s);
  }
}

template <class T>
void take_mixture_phase(const LayerFrame<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < s.padded; k += V::lanes) {
    const std::size_t count = k < s.bins ? s.bins - k : 0;
    const Complex<V> u = Pull<V>(load_interleaved<V>(s.mixture + 2 * k, count), V::zero(), V::zero()).phasor;
    for (std::size_t j = 0; j < s.sources; ++j)
      store_planar(scaled(load_part<V>(s.magnitudes + j * s.row_stride + k, count), u), s.projected + 2 * j * s.padded, s.padded, k);
  }
}

template <class T>
void take_mixture_phase_backward(const LayerFrame<T>& s) {
  using V = Vec<T, native_lanes<T>>;
  const V one = V::broadcast(T(1));
  for (std::size_t k = 0; k < s.bins; k += V::lanes) {
    const std::size_t count = s.bins - k;
    const Complex<V> x = load_interleaved<V>(s.mixture + 2 * k, count);
    Complex<V> of_x = load_interleaved<V>(s.of_mixture + 2 * k, count);
    for (std::size_t j = 0; j < s.sources; ++j) {
      V of_v = V::zero(), unused = V::zero();
      const V v = load_part<V>(s.magnitudes + j * s.row_stride + k, count);
      of_x = of_x + Pull<V>(x, v, V::broadcast(s.epsilon)).back(one, load_planar<V>(s.gradient + 2 * j * s.padded, s.padded, k), of_v, unused);
      add_part(of_v, s.of_magnitudes + j * s.row_stride + k, count);
    }
    store_interleaved(of_x, s.of_mixture + 2 * k, count);
  }
}

template <class T>
void add_interleaved(const T* interleaved, std::size_t bins, std::size_t padded, T* planar) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < bins; k += V::lanes)
    store_planar(load_planar<V>(planar, padded, k) + load_interleaved<V>(interleaved + 2 * k, bins - k), planar, padded, k);
}

template <class T>
void planar_to_interleaved(const T* planar, std::size_t bins, std::size_t padded, T* interleaved) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < bins; k += V::lanes) store_interleaved(load_planar<V>(planar, padded, k), interleaved + 2 * k, bins - k);
}

template <class T>
constexpr phasewise::UnfoldingKernels<T> unfolding_kernels() {
  return {layer_step<T>, layer_step_backward<T>, take_mixture_phase<T>, take_mixture_phase_backward<T>, add_interleaved<T>, planar_to_interleaved<T>};
}

}  // namespace
