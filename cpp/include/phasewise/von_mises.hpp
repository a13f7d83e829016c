// Moments of a phase with a von Mises distribution: density exp(kappa cos x) / (2 pi I0(kappa)).
#pragma once

namespace phasewise {

struct VonMises {
  double mean;        // E cos x = I1/I0
  double radial;      // variance of cos x
  double tangential;  // variance of sin x
};

// For kappa in [0, 1e6], each to a few units in the last place.
VonMises von_mises(double kappa);

// The kappa whose E cos x is `mean`, at most `largest`; 0 for means that are not positive.
double von_mises_concentration(double mean, double largest);

}  // namespace phasewise
