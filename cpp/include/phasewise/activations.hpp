// The activations of known spectra, frame by frame: what a fixed dictionary W explains of every frame, and how its sources
// share it. Frames do not depend on each other, so that a stream has the bits of all of it at once, however it is cut.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace phasewise {

// W is packed once. An object is immutable: threads may share it. Up to `tile_frames()` frames at a time use no other thread,
// and no memory but scratch that the thread keeps.
template <class T>
class Activations {
 public:
  // w: (freq, rank), nonnegative and finite. Throws std::invalid_argument for an empty one.
  Activations(const T* w, std::size_t freq, std::size_t rank, double beta, std::size_t iterations);
  ~Activations();
  Activations(Activations&&) noexcept;

  std::size_t freq() const;
  std::size_t rank() const;
  std::size_t tile_frames() const;

  // Multiplicative updates of H for V = W H under the beta-divergence. v: (frames, freq), nonnegative and finite;
  // h: (frames, rank), the start, then the result. For beta <= 0 values below 1e-10 of the greatest in their frame count as
  // that. The activations of silent frames are 0.
  void fit(const T* v, std::size_t frames, T* h) const;
  // out (frames, freq): the part of W H that the components [first, last) make.
  void model(const T* h, std::size_t frames, std::size_t first, std::size_t last, T* out) const;

 private:
  struct Packed;
  std::unique_ptr<const Packed> packed_;
};

}  // namespace phasewise
