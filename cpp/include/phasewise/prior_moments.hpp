// Moments of sources whose phases are von Mises distributed, relative to their magnitudes and expected phases.
#pragma once

#include <cstddef>
#include <vector>

#include "phasewise/von_mises.hpp"

namespace phasewise {

template <class T>
struct PriorMoments {
  std::vector<T> mean, variance, relation;  // one per source, see AnisotropicBlock
  bool circular = true;                     // all concentrations are 0

  PriorMoments(const double* concentrations, std::size_t sources) {
    for (std::size_t j = 0; j < sources; ++j) {
      const VonMises phase = von_mises(concentrations[j]);
      circular = circular && !(concentrations[j] > 0);
      mean.push_back(static_cast<T>(phase.mean));
      variance.push_back(static_cast<T>(phase.radial + phase.tangential));
      relation.push_back(static_cast<T>(phase.radial - phase.tangential));
    }
  }
};

}  // namespace phasewise
