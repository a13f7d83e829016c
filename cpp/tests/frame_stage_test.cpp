// Methods that work frame by frame: frames cut anyhow give the same samples, as many hops as frames, those that the inverse
// transform makes of the spectra; and no allocation after construction.
#include <stdexcept>

#include "check.hpp"
#include "count_allocations.hpp"

#include "phasewise/online_sources.hpp"
#include "phasewise/rtpghi.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

constexpr std::size_t channels = 2, frames = 40;

template <class T>
using Plan = std::shared_ptr<const StftPlan<T>>;

template <class T>
Plan<T> make_plan(std::size_t n_fft, std::size_t hop, Padding padding) {
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.54 - 0.46 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  return std::make_shared<const StftPlan<T>>(window.data(), n_fft, hop, padding);
}

// A part of whole arrays, as a block of its own.
template <class T>
struct Part {
  std::vector<T> mixture, magnitudes;
  std::vector<unsigned char> onsets;
  FrameBlock<T> block;

  Part(std::size_t sources, std::size_t bins, const FrameBlock<T>& whole, std::size_t first, std::size_t count)
      : mixture(2 * channels * count * bins), magnitudes(channels * sources * count * bins), onsets(channels * sources * count) {
    for (std::size_t c = 0; c < channels; ++c)
      std::copy_n(whole.mixture + 2 * (c * frames + first) * bins, 2 * count * bins, mixture.data() + 2 * c * count * bins);
    for (std::size_t s = 0; s < channels * sources; ++s) {
      std::copy_n(whole.magnitudes + (s * frames + first) * bins, count * bins, magnitudes.data() + s * count * bins);
      std::copy_n(whole.onsets + s * frames + first, count, onsets.data() + s * count);
    }
    block = {mixture.data(), magnitudes.data(), onsets.data(), count};
  }
};

template <class T, class MakeMethod>
void stream(const char* name, std::size_t n_fft, std::size_t hop, Padding padding, std::size_t sources, MakeMethod&& make) {
  const Plan<T> plan = make_plan<T>(n_fft, hop, padding);
  const std::size_t bins = plan->bins(), count = channels * sources, length = plan->samples(frames);
  const auto mixture = noise<T>(2 * channels * frames * bins, 1);
  auto magnitudes = noise<T>(count * frames * bins, 2);
  for (T& v : magnitudes) v = std::max(v, T(0));
  std::vector<unsigned char> onsets(count * frames);
  for (std::size_t i = 0; i < onsets.size(); i += 7) onsets[i] = 1;
  FrameBlock<T> whole{mixture.data(), magnitudes.data(), onsets.data(), frames};

  FrameStage<T> stage(plan, channels, make(*plan));
  const std::size_t latency = stage.latency();
  std::vector<T> spectra(2 * count * frames * bins), expected(count * length), signal(count * (latency + length)), again(signal.size());
  std::vector<T*> rows(count), samples(count);
  for (std::size_t s = 0; s < count; ++s) rows[s] = spectra.data() + 2 * s * frames * bins;
  CHECK(stage.settled(frames) == frames - stage.lookahead(), "%s", name);
  stage.push_spectra(whole, rows.data());
  for (T*& row : rows) row += 2 * (frames - stage.lookahead()) * bins;
  CHECK(stage.unsettled() == stage.lookahead(), "%s", name);
  stage.flush_spectra(rows.data());
  plan->synthesize({spectra.data(), count, frames, bins}, length, expected.data());

  std::mt19937 generator(static_cast<unsigned>(n_fft + hop));
  for (std::vector<T>* result : {&signal, &again}) {
    std::size_t done = 0;
    const auto place = [&] {
      for (std::size_t s = 0; s < count; ++s) samples[s] = result->data() + s * (latency + length) + done * hop;
    };
    while (done < frames) {
      const std::size_t next = std::min(frames - done, std::uniform_int_distribution<std::size_t>(0, 9)(generator));
      const Part<T> part(sources, bins, whole, done, next);
      place();
      const std::size_t before = allocations;
      stage.push(part.block, samples.data());
      CHECK(allocations == before, "%s: %zu allocations", name, allocations - before);
      done += next;
      CHECK(stage.received() == done, "%s", name);
    }
    place();
    const std::size_t before = allocations;
    stage.flush(length, samples.data());
    CHECK(allocations == before, "%s: %zu allocations at the end", name, allocations - before);
    CHECK(stage.received() == 0, "%s", name);
    for (std::size_t s = 0; s < count; ++s) {
      const T* made = result->data() + s * (latency + length);
      CHECK(std::all_of(made, made + latency, [](T x) { return x == T(0); }), "%s n_fft=%zu: sound before its time", name, n_fft);
      CHECK(std::equal(made + latency, made + latency + length, expected.data() + s * length), "%s n_fft=%zu hop=%zu", name, n_fft, hop);
    }
  }
}

template <class T>
void all_methods(std::size_t n_fft, std::size_t hop, Padding padding) {
  for (const std::size_t sources : {1, 2, 4, 6}) {
    for (const bool refresh : {false, true})
      stream<T>("mixing", n_fft, hop, padding, sources, [&](const StftPlan<T>& plan) {
        OnlineMixingOptions<T> options;
        options.sources = sources;
        options.n_iter = 4;
        options.weighting = refresh ? Weighting::magnitude : Weighting::wiener;
        options.refresh = refresh;
        options.anchor = refresh ? T(0.1) : T(0);
        return std::make_unique<OnlineMixing<T>>(plan, channels, options);
      });
    stream<T>("given shares", n_fft, hop, padding, sources, [&](const StftPlan<T>& plan) {
      OnlineMixingOptions<T> options;
      options.sources = sources;
      options.n_iter = 3;
      options.weighting = Weighting::given;
      options.shares.assign(sources, T(1) / static_cast<T>(sources));
      return std::make_unique<OnlineMixing<T>>(plan, channels, options);
    });
    for (const double kappa : {0.0, 1.5})
      stream<T>("anisotropic", n_fft, hop, padding, sources, [&](const StftPlan<T>& plan) {
        return std::make_unique<OnlineAnisotropic<T>>(plan, channels, std::vector<double>(sources, kappa));
      });
  }
  for (const bool lookahead : {false, true})
    stream<T>("integration", n_fft, hop, padding, 1, [&](const StftPlan<T>& plan) {
      const double n = static_cast<double>(n_fft);
      return std::make_unique<RealTimeIntegration<T>>(plan, std::vector<std::uint64_t>{1, 2},
                                                      RealTimeIntegrationOptions{n / 2, 0.25 * n * n, lookahead, 1e-2});
    });
}

template <class Call>
void throws(Call&& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
    return;
  }
  CHECK(false, "no exception");
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const std::size_t n_fft : {16, 63, 256})
      for (const std::size_t hop : {n_fft / 4, n_fft / 3})
        for (const Padding padding : {Padding::none, Padding::zeros}) {
          all_methods<float>(n_fft, hop, padding);
          all_methods<double>(n_fft, hop, padding);
        }
  }
  const Plan<float> plan = make_plan<float>(16, 4, Padding::zeros);
  const auto method = [&] { return std::make_unique<OnlineAnisotropic<float>>(*plan, 1, std::vector<double>{1.0}); };
  throws([&] { FrameStage<float>(nullptr, 1, method()); });
  throws([&] { FrameStage<float>(plan, 0, method()); });
  throws([&] { FrameStage<float>(plan, 1, nullptr); });
  throws([&] { OnlineAnisotropic<float>(*plan, 1, {}); });
  OnlineMixingOptions<float> options;
  options.sources = 2;
  options.weighting = Weighting::given;
  throws([&] { OnlineMixing<float>(*plan, 1, options); });
  return failures;
}
