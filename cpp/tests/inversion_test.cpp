// The updates touch no memory but their own (run under sanitizers) and do not depend on threads.
#include "check.hpp"

#include "phasewise/inversion.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

template <class T>
std::vector<T> run(Update update, std::size_t sources, bool mix_first, bool refresh, int threads, std::vector<double>& cost) {
  set_num_threads(threads);
  const std::size_t n_fft = 62, hop = 16, length = 1000, batch = 2;
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  const StftPlan<T> plan(window.data(), n_fft, hop, Padding::zeros);
  const std::size_t frames = plan.frames(length), cells = batch * frames * plan.bins();
  auto estimate = noise<T>(2 * cells * sources, 3);
  const auto mixture = noise<T>(2 * cells, 4);
  auto magnitudes = noise<T>(cells * sources, 5);
  for (T& v : magnitudes) v = v < T(-0.9) ? T(0) : std::abs(v);
  const std::vector<T> weights(cells * sources, T(1) / static_cast<T>(sources));
  std::vector<T> signal(batch * sources * length);
  cost.assign(batch * 3, 0);
  Inversion<T> p;
  p.plan = &plan;
  p.batch = batch;
  p.sources = sources;
  p.frames = frames;
  p.length = length;
  p.mixture = update == Update::griffin_lim || sources == 1 ? nullptr : mixture.data();
  p.magnitudes = magnitudes.data();
  p.weights = weights.data();
  p.refresh_weights = refresh;
  p.update = update;
  p.mix_first = mix_first;
  p.alpha = T(0.9);
  p.beta = T(0.9);
  p.gamma = T(-0.8);
  p.sigma = T(2);
  p.momentum = T(0.4);
  p.rule = {T(0.5), true, true, T(1e-4), T(1e-3)};
  p.n_iter = 3;
  std::vector<T> state(2 * cells * sources, T(0));
  (update == Update::griffin_lim || update == Update::bregman ? p.previous : p.iterate) = state.data();
  p.estimate = estimate.data();
  p.signal = signal.data();
  p.cost = cost.data();
  int rounds = 0;
  invert<T>(p, [&] { ++rounds; });
  CHECK(rounds == 3, "called between iterations %d times", rounds);
  estimate.insert(estimate.end(), signal.begin(), signal.end());
  estimate.insert(estimate.end(), state.begin(), state.end());
  for (const T v : estimate) CHECK(std::isfinite(v), "not finite");
  return estimate;
}

template <class T>
void both(Update update, std::size_t sources, bool mix_first = false, bool refresh = false) {
  std::vector<double> cost_1, cost_2;
  const auto one = run<T>(update, sources, mix_first, refresh, 1, cost_1), two = run<T>(update, sources, mix_first, refresh, 2, cost_2);
  CHECK(one == two && cost_1 == cost_2, "update %d depends on threads", static_cast<int>(update));
  for (const double c : cost_1) CHECK(std::isfinite(c) && c >= 0, "cost %g", c);
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const Update u : {Update::misi, Update::mix_incons, Update::mix_incons_hard_mag, Update::incons_hard_mix,
                           Update::mag_incons_hard_mix, Update::reflection, Update::bregman, Update::bregman_reflection})
      for (const bool refresh : {false, true}) {
        both<float>(u, 3, false, refresh);
        both<double>(u, 2, false, refresh);
      }
    both<double>(Update::misi, 2, true);
    both<float>(Update::griffin_lim, 1);
    both<double>(Update::griffin_lim, 1);
    both<float>(Update::bregman, 1);
    both<double>(Update::bregman_reflection, 1);
  }
  return failures;
}
