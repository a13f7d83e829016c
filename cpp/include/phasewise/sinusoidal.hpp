// The sinusoidal phase model: in every region around a spectral peak, phases advance with the peak's frequency.
//
// Peaks and regions of a frame depend on its magnitudes alone, and the recursion over frames is one of its own in every
// bin: frames are analysed in parallel, then ranges of bins walk through the frames in parallel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "phasewise/dispatch.hpp"

namespace phasewise {

// How the phases of neighbouring frames advance, for `rows` spectrograms. A frame is split into regions, each of which
// advances with the frequency of its peak. Peaks are local maxima of at least 1 % of the frame's largest magnitude, their
// frequencies the summits of parabolas through three log magnitudes; the border between two peaks lies nearer the weaker
// one. In a frame without peaks every bin is a region of its own, at the frequency of its centre.
template <class T>
class RegionTable {
 public:
  // with_turns: the advances are wanted as phasors too.
  RegionTable(std::size_t rows, std::size_t frames, std::size_t bins, std::size_t n_fft, std::size_t hop, bool with_turns);

  // Frames that the table has room for: few when there are many rows.
  std::size_t frames_at_once() const { return frames_at_once_; }
  // Analyses frames begin..end-1 of magnitudes (rows, frames, bins), end - begin <= frames_at_once().
  void analyze(const T* magnitudes, std::size_t begin, std::size_t end);

  // Calls f(first, last, region) for the part of every region of a row's frame that lies in bins begin..end-1.
  template <class F>
  void for_each(std::size_t row, std::size_t frame, std::size_t begin, std::size_t end, F&& f) const {
    const std::size_t slot = row * frames_at_once_ + frame % frames_at_once_, offset = slot * bins_;
    std::size_t low = offset, high = offset + counts_[slot];
    while (low < high) {  // first region that ends beyond `begin`
      const std::size_t middle = (low + high) / 2;
      if (ends_[middle] > begin) high = middle;
      else low = middle + 1;
    }
    for (; begin < end; ++low) {
      const std::size_t stop = ends_[low] < end ? ends_[low] : end;
      f(begin, stop, low);
      begin = stop;
    }
  }
  double cycles(std::size_t region) const { return cycles_[region]; }  // in [0, 1) per hop
  T turn_re(std::size_t region) const { return turns_[region]; }
  T turn_im(std::size_t region) const { return turns_[cycles_.size() + region]; }

 private:
  std::size_t rows_, frames_, bins_, n_fft_, hop_, frames_at_once_;
  const PhaseKernels<T>& kernels_;
  std::vector<std::size_t> counts_;
  std::vector<std::uint32_t> ends_;  // (rows, frames_at_once, bins), as the next two
  std::vector<double> cycles_;
  std::vector<T> turns_;  // real parts, imaginary parts
};

// Phases that somebody gives: angles in radians, or complex values of which the angle counts.
template <class T>
struct PhaseArray {
  const T* values = nullptr;  // nullptr: none given
  bool complex = false;
};

template <class T>
struct SinusoidalPhase {
  std::size_t batch = 0, frames = 0, bins = 0, n_fft = 0, hop = 0;
  const T* magnitudes = nullptr;          // (batch, frames, bins)
  const unsigned char* onsets = nullptr;  // (batch, frames): frames that restart; nullptr: none. Frame 0 always does
  PhaseArray<T> onset_phase;              // (batch, frames, bins); none: 0
  T* phase = nullptr;                     // (batch, frames, bins): the result in (-pi, pi]
};

template <class T>
void sinusoidal_phase(const SinusoidalPhase<T>& problem);

}  // namespace phasewise
