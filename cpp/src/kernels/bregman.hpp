// Beta divergences between magnitudes, or powers, and those that are wanted: gradients, proximal points, values.
//
// y is the magnitude at hand and v the one wanted; compared are m = y^d and r = v^d, d = 1 or 2. The divergence D(r, m)
// of beta ("right": the model is its second argument) has the derivative m^(beta-2) (m - r) with respect to m; D(m, r)
// ("left") has (m^(beta-1) - r^(beta-1)) / (beta-1), which is log(m/r) for beta 1.
#pragma once

#include "phasewise/kernels/inversion_table.hpp"
#include "vec_math.hpp"

namespace {

using phasewise::BregmanRule;

template <class V, class T>
class Divergence {
 public:
  PW_INLINE explicit Divergence(const BregmanRule<T>& rule)
      : rule_(rule), d_(rule.squares ? 2 : 1), beta_(static_cast<double>(rule.beta)) {}

  // What magnitudes are compared as: zeros would be infinitely far from everything.
  PW_INLINE V regular(V magnitude) const {
    return rule_.floor > T(0) ? sqrt(fma(magnitude, magnitude, V::broadcast(rule_.floor * rule_.floor))) : magnitude;
  }

  // Derivative with respect to y.
  PW_INLINE V slope(V y, V v) const {
    const V d = constant<V>(d_);
    if (!rule_.left) return d * power(y, d_ * beta_ - d_ - 1) * (powered(y) - powered(v));
    const V outer = rule_.squares ? d * y : d;
    if (beta_ == 1) return outer * (d * log(y / v));
    const double h = d_ * (beta_ - 1);
    return outer * ((power(y, h) - power(v, h)) * constant<V>(1 / (beta_ - 1)));
  }

  // y after a step down the gradient. Divergences may be arbitrarily steep near 0: no step passes the magnitude wanted.
  PW_INLINE V descended(V y, V v, V share) const {
    const V move = V::broadcast(rule_.step) * (share * slope(y, v)), whole = y - v;
    return y - select_positive(whole, min(move, whole), max(move, whole));
  }

  // The divergence itself.
  PW_INLINE V value(V y, V v) const {
    const V m = powered(y), r = powered(v), a = rule_.left ? m : r, b = rule_.left ? r : m, one = constant<V>(1);
    if (beta_ == 2) return constant<V>(0.5) * (a - b) * (a - b);
    const V ratio = a / b;
    if (beta_ == 1) return fma(a, log(ratio), b - a);
    if (beta_ == 0) return ratio - log(ratio) - one;
    const V p = power(b, beta_ - 1);
    return (power(a, beta_) + constant<V>(beta_ - 1) * p * b - constant<V>(beta_) * a * p) * constant<V>(1 / (beta_ * (beta_ - 1)));
  }

  // The y that minimises the divergence plus step/2 (y - h)^2. It lies between h and v.
  PW_INLINE V proximal(V h, V v) const {
    const V rho = V::broadcast(rule_.step), one = constant<V>(1), half = constant<V>(0.5) / rho;
    if (!rule_.squares && beta_ == 2) return fma(rho, h, v) / (one + rho);
    if (!rule_.squares && beta_ == 1 && !rule_.left) return half * positive_root(one - rho * h, rho * v);
    if (!rule_.squares && beta_ == 0 && rule_.left) return half * positive_root(one / v - rho * h, rho);
    // Bisection of the logarithm, until what is left looks straight to Newton.
    V low = max(min(h, v), V::broadcast(rule_.floor * T(1e-3))), high = max(max(h, v), low), y = sqrt(low * high);
    for (int i = 0; i < 18; ++i) {
      const V f = fma(rho, y - h, slope(y, v));
      low = select_positive(f, low, y);
      high = select_positive(f, y, high);
      const V middle = sqrt(low * high);
      if (i < 8) {
        y = middle;
        continue;
      }
      const V bend = rho + curvature(y, v), next = y - f / select_positive(bend, bend, one);
      // On the border counts as inside: rounding leaves no room once the bracket has closed.
      const V outside = max(max(low - next, next - high), -bend);
      y = select_positive(outside, middle, next);
    }
    return y;
  }

 private:
  // Derivative of the slope.
  PW_INLINE V curvature(V y, V v) const {
    const double e = d_ * beta_;
    const V d = constant<V>(d_);
    if (!rule_.left) return d * (constant<V>(e - 1) * power(y, e - 2) - constant<V>(e - d_ - 1) * (powered(v) * power(y, e - d_ - 2)));
    if (beta_ == 1) return d * d * (rule_.squares ? log(y / v) + constant<V>(1) : constant<V>(1) / y);
    const V inner = power(v, e - d_) * (rule_.squares ? constant<V>(1) : V::zero());
    return d * (constant<V>(e - 1) * power(y, e - 2) - inner) * constant<V>(1 / (beta_ - 1));
  }
  // sqrt(b^2 + 4 c) - b without cancellation
  static PW_INLINE V positive_root(V b, V c) {
    const V root = sqrt(fma(b, b, constant<V>(4) * c));
    return select_positive(b, constant<V>(4) * c / (root + b), root - b);
  }
  PW_INLINE V powered(V y) const { return rule_.squares ? y * y : y; }
  static PW_INLINE V power(V y, double p) {
    if (p == 0) return constant<V>(1);
    if (p == 1) return y;
    if (p == 2) return y * y;
    if (p == -1) return constant<V>(1) / y;
    if (p == -2) return constant<V>(1) / (y * y);
    return pow(y, constant<V>(p));
  }

  const BregmanRule<T>& rule_;
  double d_, beta_;
};

}  // namespace
