// Mixing iterations and the Wiener filter, some bins of all sources at a time.
//
// One iteration moves the sources towards the mixture, Y_j = S_j + L_j E with E = X - sum S, and restores their
// magnitudes, S_j = V_j Y_j/|Y_j|. Kept are the phasors U_j = S_j/V_j: Y_j/V_j = U_j + (L_j/V_j) E needs neither V_j nor a
// division, and is of order 1. Two changes of coordinates make every bin alike: division by the loudest of the bin's
// values, so that nothing overflows or vanishes, and rotation to a mixture of phase 0. Sources that start from the phase
// of the mixture then have imaginary parts of exactly 0, and keep them: rounding cannot push them off the line on which
// theory says they stay.
#pragma once

#include "phasewise/kernels/phase_table.hpp"
#include "polar.hpp"
#include "vec_trig.hpp"

namespace {

using phasewise::MixingBlock;
using phasewise::Weighting;
using phasewise::WienerBlock;

// Largest L_j/V_j, in units of the bin's loudest value. Beyond it Y_j has the phase of E.
template <class T>
inline constexpr T largest_gain = sizeof(T) == 4 ? T(1e15) : T(1e100);
// Far below the rounding of a value of order 1, its square far above the smallest number: gives zero the phase 0.
template <class T>
inline constexpr T nudge = sizeof(T) == 4 ? T(1e-18) : T(1e-100);

// ---- sources: a compile-time number of them in registers, or (J == 0) any number in memory ---------------------------
template <int J, class F>
PW_INLINE void for_sources(std::size_t sources, F&& f) {
  if constexpr (J > 0) {
    static_for<J>([&](auto j) PW_LAMBDA { f(j.value); });
  } else {
    for (std::size_t j = 0; j < sources; ++j) f(static_cast<int>(j));
  }
}

template <class V, int N>
struct Slots {
  V value[N];
  PW_INLINE Slots(typename V::value_type*&, std::size_t) {}
  PW_INLINE V get(int i) const { return value[i]; }
  PW_INLINE void set(int i, V x) { value[i] = x; }
};
template <class V>
struct Slots<V, 0> {
  typename V::value_type* memory;
  PW_INLINE Slots(typename V::value_type*& free, std::size_t count) : memory(free) { free += count * V::lanes; }
  PW_INLINE V get(int i) const { return V::load(memory + i * V::lanes); }
  PW_INLINE void set(int i, V x) { x.store(memory + i * V::lanes); }
};

// ---- shares ---------------------------------------------------------------------------------------------------------
// The share of source j in bins k.. before division by the sum; `loudest` is the largest magnitude, not 0.
template <class V, class Block>
PW_INLINE V raw_share(const Block& b, std::size_t j, std::size_t k, std::size_t count, V loudest) {
  if (b.weighting == Weighting::equal) return constant<V>(1);
  if (b.weighting == Weighting::given) return load_part<V>(b.weights + j * b.stride + k, count);
  const V relative = load_part<V>(b.magnitudes + j * b.stride + k, count) / loudest;
  return b.weighting == Weighting::magnitude ? relative : relative * relative;
}

template <class V>
struct ShareScale {
  V loudest, total;
};
template <class V, class Block>
PW_INLINE ShareScale<V> share_scale(const Block& b, std::size_t k, std::size_t count) {
  using T = typename V::value_type;
  V loudest = constant<V>(smallest_normal<T>), total = V::zero();
  for (std::size_t j = 0; j < b.sources; ++j) loudest = max(loudest, load_part<V>(b.magnitudes + j * b.stride + k, count));
  for (std::size_t j = 0; j < b.sources; ++j) total = total + raw_share(b, j, k, count, loudest);
  return {loudest, total};
}
// Where all shares are zero, the sources share equally.
template <class V, class Block>
PW_INLINE V share(const Block& b, std::size_t j, std::size_t k, std::size_t count, ShareScale<V> scale) {
  using T = typename V::value_type;
  const V equal = constant<V>(T(1) / static_cast<T>(b.sources));
  return select_positive(scale.total, raw_share(b, j, k, count, scale.loudest) / scale.total, equal);
}

// ---- mixing iterations ----------------------------------------------------------------------------------------------
// Anchored: Y_j + a L_j Z_j takes the place of Y_j, Z being the start and a its weight: S stays near where it started.
// K vectors of neighbouring bins side by side, so that the latency of one hides behind the others.
template <class V, int J, int K, bool Refresh, bool Anchored, class T>
inline void mixing_tile(const MixingBlock<T>& b, std::size_t start) {
  constexpr int L = V::lanes;
  T* memory = b.scratch;
  const std::size_t slots = b.sources * K;
  Slots<V, J * K> v(memory, slots), gain(memory, slots), re(memory, slots), im(memory, slots), distance(memory, slots);
  Slots<V, Anchored ? J * K : 0> anchor_re(memory, Anchored ? slots : 0), anchor_im(memory, Anchored ? slots : 0);
  V mixture[K], error_re[K], error_im[K], scale[K];
  Complex<V> turn[K];
  const V one = constant<V>(1), bias = constant<V>(nudge<T>), limit = constant<V>(largest_gain<T>);

  const auto each_part = [&](auto&& f) PW_LAMBDA {
    static_for<K>([&](auto q) PW_LAMBDA {
      const std::size_t k = start + q.value * L;
      if (q.value == 0 || k < b.bins) f(q.value, k, b.bins - k);
      else f(q.value, b.bins, std::size_t(0));
    });
  };

  each_part([&](int q, std::size_t k, std::size_t count) PW_LAMBDA {
    const Polar<V> x = polar(load_interleaved<V>(b.mixture + 2 * k, count));
    const ShareScale<V> shares = share_scale<V>(b, k, count);
    turn[q] = x.phasor;
    scale[q] = max(x.modulus, shares.loudest);
    mixture[q] = x.modulus / scale[q];
    for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
      const V magnitude = load_part<V>(b.magnitudes + static_cast<std::size_t>(j) * b.stride + k, count) / scale[q];
      const V relative = min(share(b, static_cast<std::size_t>(j), k, count, shares) / magnitude, limit);
      v.set(j * K + q, magnitude);
      gain.set(j * K + q, select_positive(magnitude, relative, V::zero()));
      const Complex<V> u = starting_phasor(b, static_cast<std::size_t>(j), k, count, x.phasor);
      re.set(j * K + q, u.re);
      im.set(j * K + q, u.im);
      if constexpr (Anchored) {
        anchor_re.set(j * K + q, u.re);
        anchor_im.set(j * K + q, u.im);
      }
    });
  });
  const V anchoring = V::broadcast(b.anchor);

  double bin_weight[K * L] = {};
  if (b.cost != nullptr)
    static_for<K>([&](auto q) PW_LAMBDA {
      T lane[L];
      scale[q.value].store(lane);
      for (int i = 0; i < L; ++i) {
        const std::size_t k = start + q.value * L + i;
        if (k < b.bins) bin_weight[q.value * L + i] = b.bin_weights[k] * static_cast<double>(lane[i]) * static_cast<double>(lane[i]);
      }
    });
  const auto find_error = [&]() PW_LAMBDA {
    static_for<K>([&](auto q) PW_LAMBDA {
      error_re[q.value] = mixture[q.value];
      error_im[q.value] = V::zero();
    });
    for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
      static_for<K>([&](auto q) PW_LAMBDA {
        const int i = j * K + q.value;
        error_re[q.value] = fnma(v.get(i), re.get(i), error_re[q.value]);
        error_im[q.value] = fnma(v.get(i), im.get(i), error_im[q.value]);
      });
    });
  };
  const auto add_cost = [&](std::size_t iteration) PW_LAMBDA {
    T lane[K * L];
    static_for<K>([&](auto q) PW_LAMBDA {
      V term = squared(Complex<V>{error_re[q.value], error_im[q.value]});
      if constexpr (Anchored) {
        for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
          const int i = j * K + q.value;
          const V away = squared(Complex<V>{re.get(i) - anchor_re.get(i), im.get(i) - anchor_im.get(i)});
          term = fma(anchoring * v.get(i), v.get(i) * away, term);
        });
      }
      term.store(lane + q.value * L);
    });
    double* total = b.lane_cost + iteration * (K * L);
    for (int i = 0; i < K * L; ++i) total[i] += static_cast<double>(lane[i]) * bin_weight[i];
  };

  for (std::size_t iteration = 0; iteration < b.n_iter; ++iteration) {
    find_error();
    if (b.cost != nullptr && iteration > 0) add_cost(iteration - 1);
    V moved[K];
    static_for<K>([&](auto q) PW_LAMBDA { moved[q.value] = V::zero(); });
    for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
      static_for<K>([&](auto q) PW_LAMBDA {
        const int i = j * K + q.value;
        const V g = gain.get(i);
        const Complex<V> mixed{fma(g, error_re[q.value], re.get(i)) + bias, fma(g, error_im[q.value], im.get(i))};
        Complex<V> y = mixed;
        if constexpr (Anchored) {
          const V pull = anchoring * (g * v.get(i));
          y = {fma(pull, anchor_re.get(i), y.re), fma(pull, anchor_im.get(i), y.im)};
        }
        const V square = squared(y), inverse = reciprocal_sqrt(square);
        if constexpr (Refresh && Anchored) {
          const Complex<V> moved_by{mixed.re - y.re * inverse, mixed.im - y.im * inverse};
          distance.set(i, select_positive(v.get(i), sqrt(squared(moved_by)), V::zero()));
          moved[q.value] = fma(v.get(i), distance.get(i), moved[q.value]);
        } else if constexpr (Refresh) {
          // |Y - S|/V = ||y| - 1|, and without the cancellation |y|^2 - 1 = |g E|^2 + 2 Re(conj(u) g E).
          const V step_re = g * error_re[q.value], step_im = g * error_im[q.value];
          const V twice = fma(re.get(i), step_re, im.get(i) * step_im);
          const V excess = fma(step_re, step_re, fma(step_im, step_im, twice + twice));
          distance.set(i, absolute(excess) / fma(square, inverse, one));
          moved[q.value] = fma(v.get(i), distance.get(i), moved[q.value]);
        }
        re.set(i, y.re * inverse);
        im.set(i, y.im * inverse);
      });
    });
    if constexpr (Refresh) {
      for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
        static_for<K>([&](auto q) PW_LAMBDA {
          const int i = j * K + q.value;
          gain.set(i, select_positive(moved[q.value], min(distance.get(i) / moved[q.value], limit), gain.get(i)));
        });
      });
    }
  }
  if (b.cost != nullptr && b.n_iter > 0) {
    find_error();
    add_cost(b.n_iter - 1);
  }

  each_part([&](int q, std::size_t k, std::size_t count) PW_LAMBDA {
    for_sources<J>(b.sources, [&](int j) PW_LAMBDA {
      const std::size_t row = static_cast<std::size_t>(j) * b.state_stride + k, source = static_cast<std::size_t>(j) * b.stride + k;
      const Complex<V> u = multiply(Complex<V>{re.get(j * K + q), im.get(j * K + q)}, turn[q].re, turn[q].im);
      store_part(u.re, b.re + row, count);
      store_part(u.im, b.im + row, count);
      const V magnitude = load_part<V>(b.magnitudes + source, count);
      store_interleaved(Complex<V>{magnitude * u.re, magnitude * u.im}, b.out + 2 * source, count);
    });
  });
}

// Neighbouring vectors per tile: as many as hide the latency of an iteration.
inline constexpr int mixing_parts = 2;

template <int J, bool Refresh, bool Anchored, class T>
inline void mixing_tiles(const MixingBlock<T>& b) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < b.bins; k += V::lanes * mixing_parts) mixing_tile<V, J, mixing_parts, Refresh, Anchored>(b, k);
}

template <class T>
void mixing(const MixingBlock<T>& b) {
  constexpr std::size_t tile = native_lanes<T> * mixing_parts;
  if (b.cost != nullptr)
    for (std::size_t i = 0; i < b.n_iter * tile; ++i) b.lane_cost[i] = 0;
  if (b.anchor > T(0)) {
    b.refresh ? mixing_tiles<0, true, true>(b) : mixing_tiles<0, false, true>(b);
  } else if (b.refresh) {
    mixing_tiles<0, true, false>(b);
  } else {
    switch (b.sources) {
      case 2: mixing_tiles<2, false, false>(b); break;
      case 3: mixing_tiles<3, false, false>(b); break;
      case 4: mixing_tiles<4, false, false>(b); break;
      default: mixing_tiles<0, false, false>(b);
    }
  }
  if (b.cost != nullptr)
    for (std::size_t i = 0; i < b.n_iter; ++i)
      for (std::size_t lane = 0; lane < tile; ++lane) b.cost[i] += b.lane_cost[i * tile + lane];
}

// ---- Wiener filter --------------------------------------------------------------------------------------------------
template <class T>
void wiener(const WienerBlock<T>& b) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < b.bins; k += V::lanes) {
    const std::size_t count = b.bins - k;
    const Complex<V> x = load_interleaved<V>(b.mixture + 2 * k, count);
    const ShareScale<V> scale = share_scale<V>(b, k, count);
    for (std::size_t j = 0; j < b.sources; ++j) {
      const V s = share(b, j, k, count, scale);
      store_interleaved(Complex<V>{s * x.re, s * x.im}, b.out + 2 * (j * b.stride + k), count);
    }
  }
}

// ---- phasors and peaks ----------------------------------------------------------------------------------------------
template <class T>
void phasors(const T* values, T* re, T* im, std::size_t n) {
  using V = Vec<T, native_lanes<T>>;
  for (std::size_t k = 0; k < n; k += V::lanes) {
    const Complex<V> u = polar(load_interleaved<V>(values + 2 * k, n - k)).phasor;
    store_part(u.re, re + k, n - k);
    store_part(u.im, im + k, n - k);
  }
}

// Whole turns are taken off in double precision, whatever T.
template <class T>
void turns(const double* cycles, T* re, T* im, std::size_t n) {
  using V = Vec<T, native_lanes<T>>;
  using Wide = Vec<double, native_lanes<double>>;
  for (std::size_t k = 0; k < n; k += V::lanes) {
    T part[V::lanes] = {};
    for (std::size_t i = 0; i < V::lanes && k + i < n; i += Wide::lanes) {
      const Wide c = load_part<Wide>(cycles + k + i, n - k - i);
      double lane[Wide::lanes];
      (c - round_to_integer(c)).store(lane);
      for (std::size_t l = 0; l < Wide::lanes; ++l) part[i + l] = static_cast<T>(lane[l]);
    }
    const Complex<V> u = turn(V::load(part));
    store_part(u.re, re + k, n - k);
    store_part(u.im, im + k, n - k);
  }
}

template <class T>
std::size_t summits(const T* v, std::size_t n, T height, std::uint32_t* bins) {
  using V = Vec<T, native_lanes<T>>;
  V largest[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  std::size_t k = 0;
  for (; k + 4 * V::lanes <= n; k += 4 * V::lanes)
    static_for<4>([&](auto i) PW_LAMBDA { largest[i.value] = max(largest[i.value], V::load(v + k + i.value * V::lanes)); });
  for (; k < n; k += V::lanes) largest[0] = max(largest[0], load_part<V>(v + k, n - k));
  T lane[V::lanes], most = T(0);
  max(max(largest[0], largest[1]), max(largest[2], largest[3])).store(lane);
  for (const T x : lane) most = x > most ? x : most;
  const T threshold = height * most;

  // One byte per bin, written by plain comparisons that the compiler vectorises; then a list without branches.
  constexpr std::size_t group = 64;
  std::size_t count = 0;
  for (std::size_t start = 1; start + 1 < n; start += group) {
    const std::size_t size = n - 1 - start < group ? n - 1 - start : group;
    alignas(64) unsigned char flag[group] = {};
    const T* p = v + start;
    for (std::size_t i = 0; i < size; ++i) flag[i] = (p[i] > p[i - 1]) & (p[i] >= p[i + 1]) & (p[i] >= threshold);
    for (std::size_t i = 0; i < size; i += 8) {
      std::uint64_t eight;
      std::memcpy(&eight, flag + i, 8);
      if (eight == 0) continue;
      static_for<8>([&](auto j) PW_LAMBDA {
        bins[count] = static_cast<std::uint32_t>(start + i + j.value);
        count += flag[i + j.value];
      });
    }
  }
  return count;
}

template <class T>
void peak_advances(const T* v, const std::uint32_t* bins, std::size_t n, double hops, double* cycles) {
  using V = Vec<double, native_lanes<double>>;
  constexpr std::size_t L = V::lanes;
  const V zero = V::zero(), one = constant<V>(1), half = constant<V>(0.5), floor = constant<V>(1e-6);
  for (std::size_t k = 0; k < n; k += L) {
    double before[L], here[L], after[L], place[L];
    for (std::size_t i = 0; i < L; ++i) {
      const std::uint32_t bin = bins[k + i < n ? k + i : n - 1];
      before[i] = static_cast<double>(v[bin - 1]);
      here[i] = static_cast<double>(v[bin]);
      after[i] = static_cast<double>(v[bin + 1]);
      place[i] = static_cast<double>(bin);
    }
    const V peak = V::load(here);
    const V a = log(max(V::load(before) / peak, floor)), c = log(max(V::load(after) / peak, floor));
    const V bend = constant<V>(-2) * (a + c), offset = (c - a) / select_positive(bend, bend, one);
    const V q = V::load(place) + select_positive(bend, min(max(offset, -half), half), zero);
    const V advance = constant<V>(hops) * q, rest = advance - round_to_integer(advance);
    store_part(select_positive(-rest, rest + one, rest), cycles + k, n - k);
  }
}

template <class T>
constexpr phasewise::PhaseKernels<T> phase_kernels() {
  return {static_cast<std::size_t>(native_lanes<T> * mixing_parts), mixing<T>, wiener<T>, phasors<T>, turns<T>, summits<T>,
          peak_advances<T>};
}

}  // namespace
