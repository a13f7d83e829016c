// The sinusoidal phase model: in every region around a spectral peak, phases advance with the peak's frequency.
//
// Peaks and regions of a frame depend on its magnitudes alone, and the recursion over frames is one of its own in every
// bin: frames are analysed in parallel, then ranges of bins walk through the frames in parallel.
#pragma once

#include <cstddef>
#include <vector>

namespace phasewise {

// Consecutive bins, from the end of the region before up to `end`, whose phases advance by `cycles` in [0, 1) per hop.
struct Region {
  std::size_t end;
  double cycles;
};

// Splits one frame of magnitudes into regions and returns their number, at most `bins`. Peaks are local maxima of at least
// 1 % of the largest magnitude, their frequencies the summits of parabolas through three log magnitudes; the border
// between two peaks lies nearer the weaker one. Without a peak every bin advances with the frequency of its centre.
template <class T>
std::size_t find_regions(const T* magnitudes, std::size_t bins, std::size_t n_fft, std::size_t hop, Region* regions);

// The regions of some neighbouring frames of `rows` spectrograms.
template <class T>
class RegionTable {
 public:
  RegionTable(std::size_t rows, std::size_t frames, std::size_t bins, std::size_t n_fft, std::size_t hop);
  // Frames that the table has room for: few when there are many rows.
  std::size_t frames_at_once() const { return frames_at_once_; }
  // Analyses frames begin..end-1 of magnitudes (rows, frames, bins), end - begin <= frames_at_once().
  void analyze(const T* magnitudes, std::size_t begin, std::size_t end);
  // Calls f(first, last, cycles) for the part of every region of a row's frame in bins begin..end-1.
  template <class F>
  void for_each(std::size_t row, std::size_t frame, std::size_t begin, std::size_t end, F&& f) const {
    const std::size_t slot = row * frames_at_once_ + frame % frames_at_once_;
    const Region* region = &regions_[slot * bins_];
    std::size_t low = 0, high = counts_[slot];
    while (low < high) {  // first region that ends beyond `begin`
      const std::size_t middle = (low + high) / 2;
      if (region[middle].end > begin) high = middle;
      else low = middle + 1;
    }
    for (; begin < end; ++low) {
      const std::size_t stop = region[low].end < end ? region[low].end : end;
      f(begin, stop, region[low].cycles);
      begin = stop;
    }
  }

 private:
  std::size_t rows_, frames_, bins_, n_fft_, hop_, frames_at_once_;
  std::vector<Region> regions_;
  std::vector<std::size_t> counts_;
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
