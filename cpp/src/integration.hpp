// What integrating the gradient of a phase needs, of whole spectrograms and of streams.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace phasewise {

inline constexpr double two_pi = 6.283185307179586476925286766559;
inline constexpr double log_floor = 1e-10;  // magnitudes do not go below this share of the largest in logarithms

// A number in [0, 1) that belongs to a seed and an index (splitmix64).
inline double hashed_cycles(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t x = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>(x ^ (x >> 31)) * 0x1p-64;
}

// Values to visit, loudest first. Eight levels per octave, in each of which the last to come is the first to go: as good
// an order as that of a heap (a little better, on music), at a fraction of its cost.
class LevelQueue {
 public:
  explicit LevelQueue(std::size_t size) : next_(size), heads_(levels, end) {}

  void reset() { std::fill(next_.begin(), next_.end(), waiting); }
  bool is_waiting(std::size_t i) const { return next_[i] == waiting; }
  void exclude(std::size_t i) { next_[i] = end; }
  bool empty() {
    while (top_ > 0 && heads_[top_] == end) --top_;
    return heads_[top_] == end;
  }

  // ratio: of the value to the largest
  void push(std::size_t i, double ratio) {
    std::uint64_t bits;
    std::memcpy(&bits, &ratio, sizeof bits);
    const auto level = static_cast<std::size_t>(bits >> 49);  // exponent and three bits of the mantissa
    next_[i] = heads_[level];
    heads_[level] = static_cast<std::uint32_t>(i);
    top_ = std::max(top_, level);
  }
  // Call it after empty() has said no.
  std::size_t pop() {
    const std::uint32_t i = heads_[top_];
    heads_[top_] = next_[i];
    next_[i] = end;
    return i;
  }

 private:
  static constexpr std::uint32_t waiting = 0xFFFFFFFFu, end = 0xFFFFFFFEu;
  static constexpr std::size_t levels = (1023u << 3) + 1;  // the last one is that of 1
  std::vector<std::uint32_t> next_, heads_;
  std::size_t top_ = 0;
};

}  // namespace phasewise
