// Where the phases of neighbouring bins start from in a frame: given, the mixture's, or turned on from the frame before.
#pragma once

#include <vector>

#include "phasewise/sinusoidal.hpp"
#include "regions.hpp"

namespace phasewise {

// Problem has the sizes, the magnitudes, and `hop`, `start_phase`, `onset_phase`, `onsets` as Mixing describes them. Frames
// come in chunks of frames_at_once(), of which analyze() has to be called first.
template <class T, class Problem>
class FrameStarts {
 public:
  // Ranges of bins that one thread takes through the frames; a multiple of the bins that any kernel processes together.
  static constexpr std::size_t block_bins = 128;

  FrameStarts(const Problem& problem, const PhaseKernels<T>& kernels)
      : p_(problem),
        kernels_(kernels),
        table_(p_.hop > 0 ? p_.batch * p_.sources : 0, p_.frames, p_.bins, p_.n_fft, p_.hop, true),
        phasors_(2 * p_.batch * p_.sources * p_.bins) {}

  std::size_t frames_at_once() const { return table_.frames_at_once(); }
  void analyze(std::size_t begin, std::size_t end) {
    if (p_.hop > 0) table_.analyze(p_.magnitudes, begin, end);
  }

  // Scalars of memory for the turns of a block.
  std::size_t memory() const { return 2 * p_.sources * turn_stride; }
  // Points a block of `count` bins from `first` on at its phasors and turns; starts holds a value per source.
  template <class Block>
  void point(Block& block, std::size_t b, std::size_t first, T* turns, const PhaseStart* starts) {
    block.re = phasors_.data() + b * p_.sources * p_.bins + first;
    block.im = block.re + p_.batch * p_.sources * p_.bins;
    block.state_stride = p_.bins;
    block.turn_re = turns;
    block.turn_im = turns + p_.sources * turn_stride;
    block.turn_stride = turn_stride;
    block.starts = starts;
  }
  // Fills what the block points at for frame t.
  void prepare(std::size_t b, std::size_t t, std::size_t first, std::size_t count, T* turns, PhaseStart* starts) {
    for (std::size_t j = 0; j < p_.sources; ++j) {
      const std::size_t row = b * p_.sources + j;
      const bool restart = t == 0 || (p_.onsets != nullptr && p_.onsets[row * p_.frames + t] != 0);
      if (!restart && p_.hop > 0) {
        starts[j] = PhaseStart::turned;
        T *re = turns + j * turn_stride, *im = re + p_.sources * turn_stride;
        table_.for_each(row, t, first, first + count, [&](std::size_t from, std::size_t to, std::size_t region) {
          fill_region(table_.turn_re(region), table_.turn_im(region), from - first, to - first, re, im);
        });
      } else {
        T* re = phasors_.data() + row * p_.bins + first;
        starts[j] = given(restart ? p_.onset_phase : p_.start_phase, (row * p_.frames + t) * p_.bins + first, count, re,
                          re + p_.batch * p_.sources * p_.bins);
      }
    }
  }

 private:
  static constexpr std::size_t turn_stride = block_bins + region_group;

  PhaseStart given(const PhaseArray<T>& phase, std::size_t offset, std::size_t count, T* re, T* im) const {
    constexpr double two_pi = 6.283185307179586476925286766559;
    if (phase.values == nullptr) return PhaseStart::mixture;
    if (phase.complex) {
      kernels_.phasors(phase.values + 2 * offset, re, im, count);
    } else {
      double cycles[block_bins];
      for (std::size_t k = 0; k < count; ++k) cycles[k] = static_cast<double>(phase.values[offset + k]) / two_pi;
      kernels_.turns(cycles, re, im, count);
    }
    return PhaseStart::state;
  }

  const Problem& p_;
  const PhaseKernels<T>& kernels_;
  RegionTable<T> table_;
  std::vector<T> phasors_;  // real parts, imaginary parts: (batch, sources, bins) each
};

}  // namespace phasewise
