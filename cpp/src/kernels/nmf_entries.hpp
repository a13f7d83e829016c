// What the factorisation does entry by entry: ratios of data and model, steps of the factors, terms of the divergence.
#pragma once

#include "phasewise/kernels/nmf_table.hpp"
#include "vec_math.hpp"

namespace {

using phasewise::NmfKind;
using phasewise::NmfPenalty;
using phasewise::NmfRule;

// Up to V::lanes values, the missing ones as `fill`.
template <class V, class T>
PW_INLINE V load_some(const T* p, std::size_t count, T fill) {
  if (count >= static_cast<std::size_t>(V::lanes)) return V::load(p);
  T lane[V::lanes];
  for (int i = 0; i < V::lanes; ++i) lane[i] = static_cast<std::size_t>(i) < count ? p[i] : fill;
  return V::load(lane);
}

template <class V>
struct Ratios {
  V numerator, denominator;  // V Vh^(beta-2) and Vh^(beta-1)
};

template <class V, NmfKind Kind>
struct RatioOf {
  V scale, data_floor, model_floor, model_limit, power;
  double beta;

  template <class T>
  PW_INLINE explicit RatioOf(const NmfRule<T>& rule)
      : scale(V::broadcast(rule.scale)), data_floor(V::broadcast(rule.data_floor)), model_floor(V::broadcast(rule.model_floor)),
        model_limit(V::broadcast(rule.model_limit)), power(constant<V>(rule.beta - 1)), beta(rule.beta) {}

  PW_INLINE Ratios<V> operator()(V v, V model) const {
    model = max(min(model, model_limit), model_floor);
    const V inverse = reciprocal(model);
    if constexpr (Kind == NmfKind::kullback_leibler) {
      return {v * scale * inverse, V::zero()};
    } else {
      const V x = max(v * scale, data_floor);
      if (beta == 0) return {x * (inverse * inverse), inverse};
      if (beta == 1) return {x * inverse, constant<V>(1)};
      if (beta == 2) return {x, model};
      const V p = pow(model, power);
      return {x * (p * inverse), p};
    }
  }
};

// Replaces a model by the numerator terms, and (general) fills the denominator terms.
template <class V, NmfKind Kind, class T>
PW_INLINE void ratios(const NmfRule<T>& rule, const T* v, std::size_t count, T* model, T* denominator, std::size_t width) {
  const RatioOf<V, Kind> ratio(rule);
  for (std::size_t f = 0; f < width; f += V::lanes) {
    const V x = load_some<V>(v + f, count > f ? count - f : 0, T(0));
    const Ratios<V> r = ratio(x, V::load(model + f));
    r.numerator.store(model + f);
    if constexpr (Kind == NmfKind::general) r.denominator.store(denominator + f);
  }
}

// The same where entries have weights; v is not looked at where they are 0.
template <class V, class T>
PW_INLINE void weighted_ratios(const NmfRule<T>& rule, const T* v, const T* weights, std::size_t count, T* model, T* denominator,
                               std::size_t width) {
  const RatioOf<V, NmfKind::general> ratio(rule);
  for (std::size_t f = 0; f < width; f += V::lanes) {
    const std::size_t left = count > f ? count - f : 0;
    const V w = load_some<V>(weights + f, left, T(0)), x = select_positive(w, load_some<V>(v + f, left, T(0)), V::zero());
    const Ratios<V> r = ratio(x, V::load(model + f));
    (w * r.numerator).store(model + f);
    (w * r.denominator).store(denominator + f);
  }
}

// x (numerator / denominator)^gamma with the penalties in the denominator. A column without energy has neither numerator
// nor denominator and becomes zero; nothing becomes infinite. `pull` is what neighbours of x draw it by.
template <class V>
struct Step {
  V l1, l2, gamma, limit, tiny, huge;
  double exponent;
  bool root;

  template <class T>
  PW_INLINE Step(const NmfRule<T>& rule, const NmfPenalty<T>& penalty, T curvature = 0)
      : l1(V::broadcast(penalty.l1)), l2(V::broadcast(penalty.l2 + curvature)), gamma(constant<V>(penalty.gamma)),
        limit(V::broadcast(rule.factor_limit)), tiny(V::broadcast(T(1) / rule.most)), huge(V::broadcast(rule.most)),
        exponent(penalty.gamma), root(penalty.root) {}

  // The positive root h of l2 h^2 + (denominator + l1 - pull) h = numerator x
  PW_INLINE V solve(V x, V numerator, V denominator, V pull) const {
    const V linear = min(denominator + l1, huge) - pull, magnitude = max(linear, -linear);
    numerator = min(numerator, huge);
    const V product = constant<V>(2) * sqrt(l2) * sqrt(numerator) * sqrt(x);  // of sqrt(linear^2 + product^2)
    const V larger = max(max(magnitude, product), tiny), ratio = min(magnitude, product) / larger;
    const V discriminant = larger * sqrt(fma(ratio, ratio, constant<V>(1)));
    const V step = min(constant<V>(2) * numerator / max(linear + discriminant, tiny), huge);
    return min(select_positive(linear, x * step, (discriminant - linear) / (constant<V>(2) * l2)), limit);
  }

  PW_INLINE V operator()(V x, V numerator, V denominator) const { return (*this)(x, numerator, denominator, V::zero()); }
  PW_INLINE V operator()(V x, V numerator, V denominator, V pull) const {
    if (root) return solve(x, numerator, denominator, pull);
    numerator = numerator + pull;
    denominator = max(min(fma(l2, x, denominator + l1), huge), tiny);
    V step = min(min(numerator, huge) / denominator, huge);
    if (exponent == 0.5) step = sqrt(step);
    else if (exponent != 1) step = select_positive(step - tiny, pow(max(step, tiny), gamma), V::zero());
    return min(x * step, limit);
  }
};

// The divergence of x from y, less terms that sum to a constant: see each case.
template <class V>
PW_INLINE V divergence_terms(V x, V y, double beta) {
  const V one = constant<V>(1);
  if (beta == 2) return constant<V>(0.5) * (x - y) * (x - y);
  if (beta == 1) {
    const V ratio = select_positive(x, x, y) / y;
    return fma(x, log(ratio), y - x);
  }
  if (beta == 0) {
    const V ratio = x / y;
    return ratio - log(ratio) - one;
  }
  const V b = constant<V>(beta), p = pow(y, constant<V>(beta - 1));
  const V power = select_positive(x, pow(select_positive(x, x, one), b), V::zero());
  return (power + constant<V>(beta - 1) * p * y - b * x * p) * constant<V>(1 / (beta * (beta - 1)));
}

}  // namespace
