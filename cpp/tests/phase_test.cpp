// Mixing, the sinusoidal model, the methods without iterations and the Wiener filter touch no memory but their own (run under sanitizers), keep the given
// magnitudes and do not depend on threads.
#include "check.hpp"

#include "phasewise/mixing.hpp"
#include "phasewise/pghi.hpp"
#include "phasewise/spsi.hpp"
#include "phasewise/threads.hpp"
#include "phasewise/wiener.hpp"

using namespace phasewise;

template <class T>
struct Case {
  std::size_t batch = 2, sources, frames = 21, bins, n_fft;
  std::vector<T> mixture, magnitudes, weights, start;
  std::vector<unsigned char> onsets;

  Case(std::size_t sources_, std::size_t bins_) : sources(sources_), bins(bins_), n_fft(2 * (bins_ - 1)) {
    const std::size_t cells = batch * frames * bins;
    mixture = noise<T>(2 * cells, 4);
    magnitudes = noise<T>(cells * sources, 5);
    for (T& v : magnitudes) v = v < T(-0.9) ? T(0) : std::abs(v);
    weights.assign(cells * sources, T(1) / static_cast<T>(sources));
    start = noise<T>(2 * cells * sources, 6);
    onsets.assign(batch * sources * frames, 0);
    for (std::size_t i = 0; i < onsets.size(); i += 5) onsets[i] = 1;
  }

  template <class Problem>
  void describe(Problem& p, Weighting weighting) const {
    p.batch = batch;
    p.sources = sources;
    p.frames = frames;
    p.bins = bins;
    p.mixture = mixture.data();
    p.magnitudes = magnitudes.data();
    p.weighting = weighting;
    p.weights = weighting == Weighting::given ? weights.data() : nullptr;
  }

  std::vector<T> mix(Weighting weighting, bool refresh, std::size_t hop, PhaseArray<T> start_phase, int threads, std::vector<double>& cost, T anchor) const {
    set_num_threads(threads);
    std::vector<T> estimate(start.size());
    cost.assign(batch * 3, 0);
    Mixing<T> p;
    describe(p, weighting);
    p.n_fft = n_fft;
    p.n_iter = 3;
    p.refresh = refresh;
    p.anchor = anchor;
    p.hop = hop;
    p.start_phase = start_phase;
    p.onset_phase = start_phase;
    p.onsets = onsets.data();
    p.estimate = estimate.data();
    p.cost = cost.data();
    mixing_iterations<T>(p, [] {});
    return estimate;
  }

  void check_mixing(Weighting weighting, bool refresh, std::size_t hop, PhaseArray<T> start_phase, T anchor = 0) const {
    std::vector<double> cost_1, cost_2;
    const auto one = mix(weighting, refresh, hop, start_phase, 1, cost_1, anchor), two = mix(weighting, refresh, hop, start_phase, 2, cost_2, anchor);
    CHECK(one == two && cost_1 == cost_2, "%zu sources, %zu bins depend on threads", sources, bins);
    for (std::size_t i = 0; i < magnitudes.size(); ++i)
      CHECK(std::abs(std::hypot(one[2 * i], one[2 * i + 1]) - magnitudes[i]) < T(1e-5), "magnitude %zu is lost", i);
  }

  void check_all() const {
    for (const Weighting weighting : {Weighting::equal, Weighting::magnitude, Weighting::wiener, Weighting::given}) {
      check_mixing(weighting, false, 7, {});
      check_mixing(weighting, true, 0, {start.data(), true});
      check_mixing(weighting, false, 7, {}, T(0.5));
      check_mixing(weighting, true, 7, {}, T(0.5));
      check_mixing(weighting, false, 0, {start.data(), false});
      set_num_threads(2);
      std::vector<T> estimate(start.size());
      Wiener<T> p;
      describe(p, weighting);
      p.estimate = estimate.data();
      wiener(p);
      const std::size_t per_item = frames * bins;
      for (std::size_t i = 0; i < batch * per_item; ++i) {
        T total = 0;
        for (std::size_t j = 0; j < sources; ++j) total += estimate[2 * ((i / per_item * sources + j) * per_item + i % per_item)];
        CHECK(std::abs(total - mixture[2 * i]) < T(1e-5), "sources do not sum to bin %zu", i);
      }
    }
    std::vector<T> one(magnitudes.size()), two(magnitudes.size());
    SinusoidalPhase<T> p;
    p.batch = batch * sources;
    p.frames = frames;
    p.bins = bins;
    p.n_fft = n_fft;
    p.hop = 7;
    p.magnitudes = magnitudes.data();
    p.onsets = onsets.data();
    p.onset_phase = {start.data(), true};
    set_num_threads(1);
    p.phase = one.data();
    sinusoidal_phase(p);
    set_num_threads(2);
    p.phase = two.data();
    sinusoidal_phase(p);
    CHECK(one == two, "the sinusoidal phase of %zu bins depends on threads", bins);
    for (const T v : one) CHECK(std::abs(v) < T(3.1416), "phase %g", static_cast<double>(v));

    PhaseIntegration<T> integration;
    integration.centre = static_cast<double>(bins);
    integration.width = 10;
    integration.tolerance = 0.01;
    const std::vector<std::uint64_t> seeds(batch * sources, 7);
    integration.seeds = seeds.data();
    check_one_source(integration, [](const PhaseIntegration<T>& problem) { integrate_phase(problem, [] {}); });
    SinglePass<T> pass;
    pass.centre = static_cast<double>(bins);
    pass.lobe = 2;
    check_one_source(pass, single_pass<T>);
  }

  template <class Problem, class Run>
  void check_one_source(Problem& p, Run&& run) const {
    std::vector<T> one(2 * magnitudes.size()), two(one.size());
    p.batch = batch * sources;
    p.frames = frames;
    p.bins = bins;
    p.n_fft = n_fft;
    p.hop = 7;
    p.magnitudes = magnitudes.data();
    set_num_threads(1);
    p.estimate = one.data();
    run(p);
    set_num_threads(2);
    p.estimate = two.data();
    run(p);
    CHECK(one == two, "phases of %zu bins depend on threads", bins);
    for (std::size_t i = 0; i < magnitudes.size(); ++i)
      CHECK(std::abs(std::hypot(one[2 * i], one[2 * i + 1]) - magnitudes[i]) < T(1e-5), "magnitude %zu is lost", i);
  }
};

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const std::size_t bins : {2, 3, 33, 130, 300})
      for (const std::size_t sources : {1, 2, 3, 4, 6}) {
        Case<float>(sources, bins).check_all();
        Case<double>(sources, bins).check_all();
      }
  }
  return failures;
}
