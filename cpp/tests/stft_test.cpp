// Batches, padding, threads and exact reconstruction of the short-time transform.
#include "check.hpp"

#include "phasewise/stft.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

template <class T>
void round_trip(std::size_t n_fft, std::size_t hop, Padding padding, std::size_t samples) {
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.54 - 0.46 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  const StftPlan<T> plan(window.data(), n_fft, hop, padding);
  const std::size_t batch = 3, frames = plan.frames(samples);
  const auto signal = noise<T>(batch * samples, 1);
  std::vector<T> spectrum(2 * batch * frames * plan.bins()), again(spectrum.size());
  set_num_threads(1);
  plan.analyze({signal.data(), batch, samples}, spectrum.data());
  const std::size_t length = padding == Padding::none ? plan.samples(frames) : samples;
  std::vector<T> back(batch * length), parallel(back.size());
  plan.synthesize({spectrum.data(), batch, frames, plan.bins()}, length, back.data());
  set_num_threads(3);
  plan.analyze({signal.data(), batch, samples}, again.data());
  plan.synthesize({spectrum.data(), batch, frames, plan.bins()}, length, parallel.data());
  CHECK(again == spectrum && parallel == back, "threads change the result: n_fft=%zu hop=%zu", n_fft, hop);
  if (plan.frames(length) == frames) {
    std::vector<T> projected(spectrum.size());
    plan.project({spectrum.data(), batch, frames, plan.bins()}, length, projected.data());
    plan.analyze({back.data(), batch, length}, again.data());
    CHECK(projected == again, "projection n_fft=%zu hop=%zu", n_fft, hop);
  }
  plan.analyze_adjoint(spectrum.data(), batch, samples, std::vector<T>(signal.size()).data());
  plan.synthesize_adjoint(back.data(), batch, frames, length, again.data());
  const std::size_t reach = std::min(length, n_fft + hop * (frames - 1) - plan.lead());
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t i = 0; i < reach; ++i) {
      const double error = std::abs(static_cast<double>(back[b * length + i]) - static_cast<double>(signal[b * samples + i]));
      CHECK(error < (sizeof(T) == 4 ? 2e-4 : 1e-12), "n_fft=%zu hop=%zu sample %zu error %g", n_fft, hop, i, error);
    }
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const std::size_t n : {1, 2, 5, 16, 31, 64, 200})
      for (const std::size_t hop : {n, (n + 1) / 2, (n + 3) / 4})
        for (const Padding padding : {Padding::none, Padding::zeros, Padding::reflect, Padding::edge}) {
          round_trip<float>(n, hop, padding, 700);
          round_trip<double>(n, hop, padding, 700);
        }
    round_trip<float>(1024, 256, Padding::zeros, 40000);
  }
  return failures;
}
