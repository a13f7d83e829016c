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

// 1 in the first `count` lanes, 0 in the others
template <class V>
PW_INLINE V first_ones(std::size_t count) {
  if (count >= static_cast<std::size_t>(V::lanes)) return constant<V>(1);
  typename V::value_type lane[V::lanes];
  for (int i = 0; i < V::lanes; ++i) lane[i] = static_cast<std::size_t>(i) < count ? 1 : 0;
  return V::load(lane);
}

template <class V>
struct Ratios {
  V numerator, denominator;  // V Vh^(beta-2) and Vh^(beta-1)
};

// How the ratios of a divergence are formed. Weights leave no sum that all entries share, so then `general` serves all.
enum class RatioKind { kullback_leibler, itakura_saito, general };

template <class V, RatioKind Kind>
struct RatioOf {
  V scale, data_floor, model_floor, model_limit, power;
  double beta;

  template <class T>
  PW_INLINE explicit RatioOf(const NmfRule<T>& rule)
      : scale(V::broadcast(rule.scale)), data_floor(V::broadcast(rule.data_floor)), model_floor(V::broadcast(rule.model_floor)),
        model_limit(V::broadcast(rule.model_limit)), power(constant<V>(rule.beta - 1)), beta(rule.beta) {}

  PW_INLINE V data(V v) const { return Kind == RatioKind::kullback_leibler ? v * scale : max(v * scale, data_floor); }
  PW_INLINE V bounded(V model) const {  // for beta 1 there is no limit
    return max(Kind == RatioKind::kullback_leibler ? model : min(model, model_limit), model_floor);
  }

  PW_INLINE Ratios<V> operator()(V v, V model) const {
    const V x = data(v), y = bounded(model);
    if constexpr (Kind == RatioKind::kullback_leibler) {
      return {x * reciprocal(y), V::zero()};
    } else if constexpr (Kind == RatioKind::itakura_saito) {
      const V inverse = reciprocal(y);
      return {x * (inverse * inverse), inverse};
    } else {
      if (beta == 2) return {x, y};
      const V inverse = reciprocal(y);
      if (beta == 1) return {x * inverse, constant<V>(1)};
      if (beta == 0) return {x * (inverse * inverse), inverse};
      const V p = beta == 0.5 ? reciprocal_sqrt(y) : beta == 1.5 ? sqrt(y) : beta == 3 ? y * y : pow(y, power);
      return {x * (p * inverse), p};
    }
  }
};

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

// The divergence of x from y, given their ratios.
template <class V>
PW_INLINE V divergence_terms(V x, V y, const Ratios<V>& r, double beta) {
  const V one = constant<V>(1);
  if (beta == 2) return constant<V>(0.5) * (x - y) * (x - y);
  if (beta == 1) return fma(x, log(select_positive(x, r.numerator, one)), y - x);
  if (beta == 0) {
    const V ratio = x * r.denominator;
    return ratio - log(ratio) - one;
  }
  const V b = constant<V>(beta), p = r.denominator;
  const V power = select_positive(x, pow(select_positive(x, x, one), b), V::zero());
  return (power + constant<V>(beta - 1) * p * y - b * x * p) * constant<V>(1 / (beta * (beta - 1)));
}

}  // namespace
