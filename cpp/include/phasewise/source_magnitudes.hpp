// Supervised factorisation of a stream: frames of magnitudes in, those of every source out. A frame is explained by known
// spectra, together with means of the frames around it if the dictionary looks at those; these then are the latency.
#pragma once

#include <cstddef>
#include <vector>

#include "phasewise/activations.hpp"

namespace phasewise {

// The mean of the frames `first` to `last`, counted from the frame itself, in bands: as many rows, multiplied by `weight`.
struct FrameGroup {
  std::ptrdiff_t first = 0, last = 0;
  double weight = 1;
  std::vector<std::size_t> edges;  // first bin of every band, then the end of the last
};

template <class T>
struct SourceSpectra {
  std::size_t bins = 0;
  std::vector<std::size_t> edges;   // of the bands of the frame itself; they cover all bins
  std::vector<FrameGroup> groups;
  std::vector<std::size_t> ranks;   // spectra of every source
  const T* w = nullptr;             // (rows, rank): sums over the bands of the frame, then over those of the groups
  const T* shares = nullptr;        // (rank): a frame starts with this times the sum of its rows
  double beta = 1;
  std::size_t iterations = 0;
};

// Nothing is allocated after construction and no other thread is used. One thread at a time may use an object.
template <class T>
class SourceMagnitudes {
 public:
  // Copies what it needs. Throws std::invalid_argument for edges or groups that do not fit.
  explicit SourceMagnitudes(const SourceSpectra<T>& spectra);

  std::size_t bins() const { return bins_; }
  std::size_t sources() const { return ranks_.size(); }
  // Frame t is returned with frame t + latency().
  std::size_t latency() const { return ahead_; }
  std::size_t received() const { return received_; }

  // Frames that a push of `frames` frames, and the end of the stream, will give.
  std::size_t frames(std::size_t frames) const { return ready(received_ + frames) - next_; }
  std::size_t flush_frames() const { return received_ - next_; }
  // v: (frames, bins), nonnegative and finite; out: (sources, frames(frames), bins).
  void push(const T* v, std::size_t frames, T* out);
  // Ends the stream, behind which there is silence, as before it; out: (sources, flush_frames(), bins). The next push starts
  // a new one.
  void flush(T* out);
  void reset();

 private:
  struct Pool {
    std::vector<std::size_t> edges;
    std::size_t offset;  // of its rows within a frame that is held
  };
  struct Group {
    std::ptrdiff_t first, last;
    T weight;
    std::size_t bands, offset;
  };

  std::size_t ready(std::size_t received) const { return received > ahead_ ? received - ahead_ : 0; }
  std::size_t pool(const std::vector<std::size_t>& edges);
  void hold(const T* v);
  const T* held(std::size_t frame) const { return ring_.data() + frame % capacity_ * held_rows_; }
  // Puts the rows of the next frame, of a stream that ends at `end`, into the batch.
  void gather(std::size_t end);
  // Explains the batch; `out` is where its frames go, `count` are the frames of the result.
  void explain(T* out, std::size_t count);

  std::size_t bins_, rows_;
  std::vector<std::size_t> ranks_;
  std::vector<Pool> pools_;  // the first is that of the frame itself
  std::vector<Group> groups_;
  std::vector<T> shares_;
  std::size_t back_ = 0, ahead_ = 0, held_rows_ = 0, capacity_ = 0;
  std::size_t received_ = 0, next_ = 0, batch_ = 0;
  Activations<T> activations_;
  std::vector<T> ring_, frames_, h_, model_;
};

}  // namespace phasewise
