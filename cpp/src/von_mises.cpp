#include "phasewise/von_mises.hpp"

#include <cmath>

namespace phasewise {

// r_n = I_{n+1}/I_n obeys r_n = 1 / (2 (n + 1)/kappa + r_{n+1}). Backwards, all terms are positive and an error shrinks by r_n^2 per
// step, whatever r starts from; the derivative obeys the derived recurrence. The variance of cos x is d r_0/d kappa: the textbook
// 1 - r_0^2 - r_0/kappa would cancel. The variance of sin x is r_0/kappa. Written with q_n = r_n/kappa, kappa = 0 needs no case.
VonMises von_mises(double kappa) {
  double q = 0, slope = 0;
  for (int n = 24 + static_cast<int>(8 * std::sqrt(kappa)); n >= 0; --n) {
    const double order = 2.0 * (n + 1), next = kappa * q, quotient = 1 / (order + kappa * next);  // r_n = kappa quotient
    // d r_n = quotient^2 (order - kappa^2 d r_{n+1})
    slope = quotient * quotient * (order - kappa * kappa * slope);
    q = quotient;
  }
  return {kappa * q, slope, q};
}

// Newton steps, kept within what is known to hold the answer.
double von_mises_concentration(double mean, double largest) {
  if (!(mean > 0)) return 0;
  if (mean >= von_mises(largest).mean) return largest;
  double low = 0, high = largest;
  double kappa = std::fmin(mean * (2 - mean * mean) / (1 - mean * mean), largest);  // right for both small and large ones
  for (int i = 0; i < 60; ++i) {
    const VonMises at = von_mises(kappa);
    (at.mean > mean ? high : low) = kappa;
    double next = kappa - (at.mean - mean) / at.radial;
    if (!(next > low && next < high)) next = (low + high) / 2;
    const bool done = std::fabs(next - kappa) <= 1e-15 * kappa;
    kappa = next;
    if (done) break;
  }
  return kappa;
}

}  // namespace phasewise
