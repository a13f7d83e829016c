// The gain of an overlap-add against the plain sum of squared windows, and its independence of the number of frames.
#include "check.hpp"

#include "phasewise/overlap_gain.hpp"

using namespace phasewise;

template <class T>
void against_the_sum(std::size_t n, std::size_t hop) {
  std::vector<double> window = noise<double>(n, 5);
  for (double& w : window) w = 0.5 + std::abs(w);
  if (n > 2) window[0] = 1e-9;  // no frame recovers this sample on its own
  const OverlapGainTable<T> table(window.data(), n, hop);
  double largest = 0;
  for (std::size_t p = 0; p < hop && p < n; ++p) {
    double sum = 0;
    for (std::size_t i = p; i < n; i += hop) sum += window[i] * window[i];
    largest = std::max(largest, sum);
  }
  const TransformKernels<T>& kernels = transform_kernels<T>(active_isa());
  const OverlapGain<T> endless(table, OverlapGain<T>::endless);
  for (const std::size_t frames : {0, 1, 2, 3, 5, 9, 40}) {
    const OverlapGain<T> gain(table, frames);
    const std::size_t count = n + hop * (frames + 1);
    const std::vector<T> ones(count, T(1));
    std::vector<T> all(count), parts(count), unending(count);
    gain.apply(kernels, 0, count, ones.data(), all.data());
    endless.apply(kernels, 0, count, ones.data(), unending.data());
    for (std::size_t p = 0; p < count; ++p) {
      double sum = 0;
      for (std::size_t t = 0; t < frames; ++t)
        if (t * hop <= p && p - t * hop < n) sum += window[p - t * hop] * window[p - t * hop];
      const bool covered = frames > 0 && p < n + hop * (frames - 1) && (hop <= n || p % hop < n);
      const double expected = !covered ? 0 : sum > 1e-11 * largest ? 1 / sum : 1;
      CHECK(std::abs(static_cast<double>(all[p]) - expected) <= (sizeof(T) == 4 ? 1e-6 : 1e-14) * expected,
            "n=%zu hop=%zu frames=%zu position %zu: %g instead of %g", n, hop, frames, p, static_cast<double>(all[p]), expected);
      if (p < frames * hop)
        CHECK(all[p] == unending[p] || p >= n + hop * (frames - 1), "n=%zu hop=%zu frames=%zu position %zu", n, hop, frames, p);
      gain.apply(kernels, p, 1, ones.data(), parts.data() + p);
    }
    CHECK(parts == all, "one by one: n=%zu hop=%zu frames=%zu", n, hop, frames);
  }
}

int main() {
  for (const std::size_t n : {1, 2, 5, 16, 33, 200, 1500})
    for (const std::size_t hop : {n, (n + 1) / 2, (n + 3) / 4, n + 1, n + 300, n + 1200, std::size_t{1}})
      if (hop > 1 || n < 200) {
        against_the_sum<float>(n, hop);
        against_the_sum<double>(n, hop);
      }
  std::vector<double> window(64, 1.0);
  const OverlapGainTable<float> table(window.data(), window.size(), std::size_t{1} << 50);  // no memory for the gaps
  const std::vector<float> ones(200, 1.0f);
  std::vector<float> out(200);
  OverlapGain<float>(table, 3).apply(transform_kernels<float>(active_isa()), (std::size_t{1} << 50) - 100, 200, ones.data(), out.data());
  for (std::size_t i = 0; i < 200; ++i) CHECK(out[i] == (i < 100 || i >= 164 ? 0.0f : 1.0f), "huge hop, %zu", i);
  return failures;
}
