// The updates touch no memory but their own (run under sanitizers); neither threads nor where the signals live matter.
#include "check.hpp"

#include "phasewise/inversion.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

struct Case {
  Update update;
  std::size_t sources;
  bool mix_first = false, refresh = false;
  Sharing sharing = Sharing::equal;
  Padding padding = Padding::zeros;
};

// bare: without the arrays for signals and costs, whose memory is used along the way
template <class T>
std::vector<T> run(const Case& c, int threads, bool bare, std::vector<double>& cost) {
  const auto [update, sources, mix_first, refresh, sharing, padding] = c;
  set_num_threads(threads);
  const std::size_t n_fft = 62, hop = 16, length = 1000, batch = 2;
  std::vector<double> window(n_fft);
  for (std::size_t i = 0; i < n_fft; ++i) window[i] = 0.5 - 0.5 * std::cos(2 * pi * static_cast<double>(i) / static_cast<double>(n_fft));
  const StftPlan<T> plan(window.data(), n_fft, hop, padding);
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
  p.sharing = refresh ? Sharing::given : sharing;
  p.exponent = T(0.5);
  if (p.sharing == Sharing::given) p.weights = weights.data();
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
  std::vector<T> state(2 * cells * sources, T(0)), previous(signal.size(), T(0));
  p.iterate = state.data();
  p.previous = previous.data();
  p.estimate = estimate.data();
  if (!bare) p.signal = signal.data();
  if (!bare) p.cost = cost.data();
  int rounds = 0;
  invert<T>(p, [&] { ++rounds; });
  CHECK(rounds == 3, "called between iterations %d times", rounds);
  for (const T v : estimate) CHECK(std::isfinite(v), "not finite");
  if (bare) return estimate;
  estimate.insert(estimate.end(), signal.begin(), signal.end());
  estimate.insert(estimate.end(), state.begin(), state.end());
  estimate.insert(estimate.end(), previous.begin(), previous.end());
  for (const T v : estimate) CHECK(std::isfinite(v), "not finite");
  return estimate;
}

template <class T>
void check(const Case& c) {
  std::vector<double> cost_1, cost_2;
  const auto one = run<T>(c, 1, false, cost_1), two = run<T>(c, 2, false, cost_2);
  CHECK(one == two && cost_1 == cost_2, "update %d depends on threads", static_cast<int>(c.update));
  for (const double x : cost_1) CHECK(std::isfinite(x) && x >= 0, "cost %g", x);
  for (const int threads : {1, 2}) {
    const auto bare = run<T>(c, threads, true, cost_2);
    CHECK(std::equal(bare.begin(), bare.end(), one.begin()), "update %d depends on where its signals are", static_cast<int>(c.update));
  }
}

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const Update u : {Update::misi, Update::mix_incons, Update::mix_incons_hard_mag, Update::incons_hard_mix,
                           Update::mag_incons_hard_mix, Update::reflection, Update::bregman, Update::bregman_reflection}) {
      for (const Sharing sharing : {Sharing::equal, Sharing::given, Sharing::power}) check<float>({u, 3, false, false, sharing});
      check<float>({u, 3, false, true});
      check<double>({u, 2, false, true});
      check<double>({u, 9, false, false, Sharing::power});
    }
    check<double>({Update::misi, 2, true});
    for (const Padding padding : {Padding::zeros, Padding::reflect, Padding::edge}) {
      check<float>({Update::griffin_lim, 1, false, false, Sharing::equal, padding});
      check<double>({Update::griffin_lim, 1, false, false, Sharing::equal, padding});
      check<float>({Update::bregman, 1, false, false, Sharing::equal, padding});
    }
    check<double>({Update::bregman_reflection, 1});
  }
  return failures;
}
