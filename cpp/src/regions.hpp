// Regions of one frame's spectrum, each ruled by a peak; see RegionTable.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "phasewise/dispatch.hpp"

namespace phasewise {

inline double fraction(double cycles) { return cycles - std::floor(cycles); }

// Splits the `bins` bins of a frame with magnitudes v into regions that end before ends[i] and advance by cycles[i] in
// `hops` frame lengths; room for `bins` of them. summits, advances: memory for bins / 2 + 1 values. Returns the number of
// regions.
template <class T>
std::size_t find_regions(const PhaseKernels<T>& kernels, const T* v, std::size_t bins, double hops, std::uint32_t* summits,
                         double* advances, std::uint32_t* ends, double* cycles) {
  constexpr double peak_height = 0.01;  // relative to the frame's maximum
  const std::size_t candidates = kernels.summits(v, bins, static_cast<T>(peak_height), summits);
  kernels.peak_advances(v, summits, candidates, hops, advances);
  std::size_t count = 0, last = 0;
  for (std::size_t i = 0; i < candidates; ++i) {
    const std::size_t k = summits[i];
    std::size_t next = k + 1;  // a plateau counts as a peak, at its first bin, if it goes down behind
    while (next < bins && v[next] == v[k]) ++next;
    if (next == bins || v[next] > v[k]) continue;
    if (count > 0) {
      const double before = static_cast<double>(v[last]), here = static_cast<double>(v[k]);
      const double share = static_cast<double>(k - last) * (before / (before + here));
      ends[count - 1] = static_cast<std::uint32_t>(last + static_cast<std::size_t>(share) + 1);
    }
    ends[count] = static_cast<std::uint32_t>(bins);
    cycles[count++] = advances[i];
    last = k;
  }
  if (count > 0) return count;
  for (std::size_t k = 0; k < bins; ++k) {
    ends[k] = static_cast<std::uint32_t>(k + 1);
    cycles[k] = fraction(hops * static_cast<double>(k));
  }
  return bins;
}

// Regions are filled by whole groups, beyond their end.
inline constexpr std::size_t region_group = 8;

// Writes a region's turn to the bins from..to-1 of re and im.
template <class T>
void fill_region(T turn_re, T turn_im, std::size_t from, std::size_t to, T* re, T* im) {
  for (std::size_t k = from; k < to; k += region_group)
    for (std::size_t i = 0; i < region_group; ++i) {
      re[k + i] = turn_re;
      im[k + i] = turn_im;
    }
}

}  // namespace phasewise
