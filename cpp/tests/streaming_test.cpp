// Streams cut anyhow against the transform of the whole signal, bit for bit, and no allocation after construction.
#include <stdexcept>

#include "check.hpp"
#include "count_allocations.hpp"
#include "phasewise/streaming.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

constexpr std::size_t channels = 2;

// Block sizes up to `largest`, now and then 0.
std::size_t next_block(std::mt19937& generator, std::size_t largest) {
  return std::uniform_int_distribution<std::size_t>(0, largest)(generator);
}

template <class T>
void stream(std::size_t n_fft, std::size_t hop, Padding padding, std::size_t samples, std::size_t largest) {
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.54 - 0.46 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  const auto plan = std::make_shared<const StftPlan<T>>(window.data(), n_fft, hop, padding);
  const std::size_t frames = plan->frames(samples), width = 2 * plan->bins(), length = plan->samples(frames);
  const auto signal = noise<T>(channels * samples, 3);
  std::vector<T> spectrum(channels * frames * width), back(channels * length), streamed(spectrum.size(), T(7)), returned(back.size(), T(7));
  plan->analyze({signal.data(), channels, samples}, spectrum.data());
  plan->synthesize({spectrum.data(), channels, frames, plan->bins()}, length, back.data());

  StreamingStft<T> analysis(plan, channels);
  StreamingIstft<T> synthesis(plan, channels);
  const T *block[channels], *rows[channels];
  T *analysed[channels], *synthesised[channels];
  std::mt19937 generator(static_cast<unsigned>(n_fft * 31 + hop));
  const auto place = [&](std::size_t frame, std::size_t sample) {
    for (std::size_t c = 0; c < channels; ++c) {
      analysed[c] = streamed.data() + (c * frames + frame) * width;
      synthesised[c] = returned.data() + c * length + sample;
    }
  };
  for (int round = 0; round < 2; ++round) {  // the second uses the objects again
    std::size_t frame = 0, sample = 0;
    const std::size_t before = allocations;
    for (std::size_t taken = 0; taken < samples;) {
      const std::size_t count = std::min(next_block(generator, largest), samples - taken), given = analysis.frames(count);
      for (std::size_t c = 0; c < channels; ++c) block[c] = signal.data() + c * samples + taken;
      place(frame, sample);
      analysis.push(block, count, analysed);
      for (std::size_t c = 0; c < channels; ++c) rows[c] = analysed[c];
      const std::size_t made = synthesis.samples(given);
      synthesis.push(rows, given, synthesised);
      taken += count;
      frame += given;
      sample += made;
      const std::size_t late = analysis.latency() + synthesis.latency();
      CHECK(sample + late >= taken, "n_fft=%zu hop=%zu: %zu samples for %zu", n_fft, hop, sample, taken);
    }
    const std::size_t given = analysis.flush_frames();
    place(frame, sample);
    analysis.flush(analysed);
    for (std::size_t c = 0; c < channels; ++c) rows[c] = analysed[c];
    const std::size_t made = synthesis.samples(given);
    synthesis.push(rows, given, synthesised);
    place(frame + given, sample + made);
    CHECK(frame + given == frames, "n_fft=%zu hop=%zu: %zu frames instead of %zu", n_fft, hop, frame + given, frames);
    CHECK(sample + made + synthesis.flush_samples() == length, "n_fft=%zu hop=%zu samples=%zu", n_fft, hop, samples);
    synthesis.flush(synthesised);
    CHECK(allocations == before, "n_fft=%zu hop=%zu: %zu allocations", n_fft, hop, allocations - before);
    CHECK(streamed == spectrum, "n_fft=%zu hop=%zu padding=%d samples=%zu round=%d", n_fft, hop, static_cast<int>(padding), samples, round);
    CHECK(returned == back, "n_fft=%zu hop=%zu padding=%d samples=%zu round=%d", n_fft, hop, static_cast<int>(padding), samples, round);
    std::fill(streamed.begin(), streamed.end(), T(7));
    std::fill(returned.begin(), returned.end(), T(7));
  }
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
    for (const std::size_t n : {1, 2, 5, 16, 31, 64})
      for (const std::size_t hop : {n, (n + 1) / 2, (n + 3) / 4, n + 1, 3 * n + 2, std::size_t{1}})
        for (const Padding padding : {Padding::none, Padding::zeros, Padding::reflect, Padding::edge})
          for (const std::size_t samples : {std::size_t{1}, n / 2, n / 2 + 1, n, 2 * n + 3, 2 * hop, 6 * n + 5}) {
            if (samples == 0 || (padding == Padding::none && samples < n)) continue;
            for (const std::size_t largest : {std::size_t{1}, n / 2 + 1, 5 * n}) {
              stream<float>(n, hop, padding, samples, largest);
              stream<double>(n, hop, padding, samples, largest);
            }
          }
    stream<float>(1024, 256, Padding::reflect, 10000, 3000);
  }
  const std::vector<double> window(16, 1.0);
  const auto plan = std::make_shared<const StftPlan<float>>(window.data(), 16, 4, Padding::zeros);
  throws([&] { StreamingStft<float>(nullptr, 1); });
  throws([&] { StreamingIstft<float>(plan, 0); });
  StreamingIstft<float> synthesis(plan);
  const std::vector<float> spectrum(2 * 9 * 9);
  std::vector<float> signal(64);
  const float* rows = spectrum.data();
  float* out = signal.data();
  synthesis.push(&rows, 9, &out);
  CHECK(synthesis.returned() == 9 * 4 - synthesis.latency(), "%zu", synthesis.returned());
  throws([&] { synthesis.flush(synthesis.returned() - 1, &out); });
  synthesis.reset();
  CHECK(synthesis.received() == 0 && synthesis.returned() == 0 && synthesis.flush_samples() == 0, "reset");
  return failures;
}
