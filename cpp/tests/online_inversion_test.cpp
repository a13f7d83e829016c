// Streams cut anyhow give the same samples, without an allocation after construction, and what is within the window is
// inverted as the whole signal is.
#include <memory>
#include <stdexcept>

#include "check.hpp"
#include "count_allocations.hpp"

#include "phasewise/inversion.hpp"
#include "phasewise/online_inversion.hpp"

using namespace phasewise;

constexpr std::size_t channels = 2, sources = 3, n_fft = 62, hop = 16;

std::vector<double> hann() {
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  return window;
}

// Frames of all channels: (channels, [sources,] frames, bins), and blocks cut from them.
template <class T>
struct Frames {
  std::size_t count, bins, voices;
  std::vector<T> mixture, magnitudes, some_mixture, some_magnitudes;

  Frames(std::size_t count, std::size_t bins, std::size_t voices)
      : count(count), bins(bins), voices(voices), mixture(noise<T>(2 * channels * count * bins, 1)), magnitudes(noise<T>(channels * voices * count * bins, 2)) {
    for (T& v : magnitudes) v = v < T(-0.8) ? T(0) : std::abs(v);
    some_mixture.resize(mixture.size());
    some_magnitudes.resize(magnitudes.size());
  }
  FrameBlock<T> block(std::size_t begin, std::size_t n, bool mixed) {
    for (std::size_t c = 0; c < channels; ++c)
      std::copy_n(mixture.data() + 2 * (c * count + begin) * bins, 2 * n * bins, some_mixture.data() + 2 * c * n * bins);
    for (std::size_t r = 0; r < channels * voices; ++r)
      std::copy_n(magnitudes.data() + (r * count + begin) * bins, n * bins, some_magnitudes.data() + r * n * bins);
    FrameBlock<T> result;
    result.mixture = mixed ? some_mixture.data() : nullptr;
    result.magnitudes = some_magnitudes.data();
    result.frames = n;
    return result;
  }
};

template <class T>
std::vector<T> stream(FrameStage<T>& stage, Frames<T>& frames, std::size_t largest, std::size_t length, bool mixed) {
  const std::size_t all = stage.latency() + length, rows = channels * frames.voices;
  std::vector<T> result(rows * all, T(7));
  std::vector<T*> at(rows);
  std::mt19937 generator(static_cast<unsigned>(largest));
  const std::size_t before = allocations;
  for (std::size_t begin = 0; begin < frames.count;) {
    const std::size_t n = std::min(frames.count - begin, std::uniform_int_distribution<std::size_t>(0, largest)(generator));
    for (std::size_t r = 0; r < rows; ++r) at[r] = result.data() + r * all + begin * hop;
    stage.push(frames.block(begin, n, mixed), at.data());
    begin += n;
  }
  for (std::size_t r = 0; r < rows; ++r) at[r] = result.data() + r * all + frames.count * hop;
  stage.flush(length, at.data());
  CHECK(allocations == before, "%zu allocations", allocations - before);
  return result;
}

template <class T>
void any_split(OnlineInversionOptions<T> options, std::size_t count) {
  const auto plan = std::make_shared<const StftPlan<T>>(hann().data(), n_fft, hop, Padding::zeros);
  Frames<T> frames(count, plan->bins(), options.sources);
  FrameStage<T> stage(plan, channels, std::make_unique<OnlineInversion<T>>(plan, channels, options));
  const std::size_t length = count * hop + 9;
  const auto whole = stream(stage, frames, 10 * count, length, options.mixed);
  for (const T v : whole) CHECK(std::isfinite(v), "not finite");
  for (const std::size_t largest : {1, 3}) CHECK(stream(stage, frames, largest, length, options.mixed) == whole, "blocks up to %zu frames", largest);
}

// MISI on a stream that ends before its first frame is settled.
template <class T>
void as_a_whole() {
  const std::size_t count = 6, length = (count - 1) * hop + 7, bins = n_fft / 2 + 1, n_iter = 2;
  const auto plan = std::make_shared<const StftPlan<T>>(hann().data(), n_fft, hop, Padding::zeros);
  Frames<T> frames(count, bins, sources);
  OnlineInversionOptions<T> options;
  options.sources = sources;
  options.lookahead = count;
  options.n_iter = n_iter;
  FrameStage<T> stage(plan, channels, std::make_unique<OnlineInversion<T>>(plan, channels, options));
  const auto streamed = stream(stage, frames, 2, length, true);
  std::vector<T> estimate(2 * channels * sources * count * bins), signal(channels * sources * length), late(signal.size());
  Inversion<T> p;
  p.plan = plan.get();
  p.batch = channels;
  p.sources = sources;
  p.frames = count;
  p.length = length;
  p.mixture = frames.mixture.data();
  p.magnitudes = frames.magnitudes.data();
  p.n_iter = static_cast<int>(n_iter * count);
  p.from_mixture = true;
  p.estimate = estimate.data();
  p.signal = signal.data();
  invert<T>(p, nullptr);
  for (std::size_t r = 0; r < channels * sources; ++r)
    std::copy_n(streamed.data() + (r + 1) * (stage.latency() + length) - length, length, late.data() + r * length);
  CHECK(largest_difference(late, signal) < (sizeof(T) == 4 ? 1e-3 : 1e-10), "%g", largest_difference(late, signal));
}

template <class T>
void everything() {
  for (const std::size_t lookahead : {0, 1, 4})
    for (const OnlineStart start : {OnlineStart::mixture, OnlineStart::wiener, OnlineStart::sinusoidal, OnlineStart::overlap}) {
      OnlineInversionOptions<T> options;
      options.sources = sources;
      options.lookahead = lookahead;
      options.n_iter = 2;
      options.start = start;
      options.sigma = T(2);
      options.exponent = T(0.5);
      for (const Update update : {Update::misi, Update::mix_incons, Update::mix_incons_hard_mag, Update::mag_incons_hard_mix}) {
        options.update = update;
        any_split(options, 9);
      }
      options.update = Update::misi;
      options.magnitude_last = true;
      any_split(options, 9);
      options.magnitude_last = false;
      options.update = Update::reflection;
      options.alpha = options.beta = T(0.9);
      options.gamma = T(-0.8);
      any_split(options, 9);
      any_split(options, 2);
      if (start == OnlineStart::mixture || start == OnlineStart::wiener) continue;
      options.mixed = false;
      options.sources = 1;
      any_split(options, 9);
      options.update = Update::griffin_lim;
      options.momentum = T(0.5);
      any_split(options, 9);
    }
  as_a_whole<T>();
}

template <class Change>
void refuses(Change&& change) {
  const auto plan = std::make_shared<const StftPlan<float>>(hann().data(), n_fft, hop, Padding::zeros);
  OnlineInversionOptions<float> options;
  change(options);
  try {
    OnlineInversion<float>(plan, 1, options);
  } catch (const std::invalid_argument&) {
    return;
  }
  CHECK(false, "no exception");
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    everything<float>();
    everything<double>();
  }
  // A long stream, as a soak: it neither allocates nor grows.
  OnlineInversionOptions<float> options;
  options.sources = sources;
  options.lookahead = 1;
  options.start = OnlineStart::sinusoidal;
  any_split(options, 5000);
  refuses([](auto& o) { o.sources = 0; });
  refuses([](auto& o) { o.n_iter = 0; });
  refuses([](auto& o) { o.update = Update::bregman; });
  refuses([](auto& o) { o.update = Update::griffin_lim; });
  refuses([](auto& o) { o.mixed = false; });
  refuses([](auto& o) { o.shares = {1.0f, 2.0f}; });
  return failures;
}
