// Factorisations touch no memory but their own (run under sanitizers), whatever the shape, penalties and weights; their costs
// do not increase and do not depend on threads.
#include "check.hpp"
#include "phasewise/isa.hpp"
#include "phasewise/nmf.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

template <class T>
struct Case {
  std::size_t batch = 2, frames, freq, rank;
  std::vector<T> v, w, h, weights;

  Case(std::size_t frames_, std::size_t freq_, std::size_t rank_) : frames(frames_), freq(freq_), rank(rank_) {
    const auto positive = [](std::size_t n, unsigned seed) {
      std::vector<T> values = noise<T>(n, seed);
      for (T& x : values) x = std::abs(x) + T(0.01);
      return values;
    };
    v = positive(batch * frames * freq, 1);
    w = positive(batch * freq * rank, 2);
    h = positive(batch * frames * rank, 3);
    weights = positive(batch * frames * freq, 4);
    for (std::size_t i = 0; i < weights.size(); i += 3) weights[i] = 0;
  }

  struct Result {
    std::vector<T> w, h;
    std::vector<double> costs;
  };

  // weights_shared: one row of weights for all frames of all matrices
  Result run(const NmfOptions& options, bool weighted, bool weights_shared, int threads) const {
    set_num_threads(threads);
    Result result{w, h, std::vector<double>(batch * options.iterations)};
    std::vector<std::size_t> done(batch);
    // Exactly as long as it must be, so that a sanitizer sees every step beyond.
    const std::vector<T> row(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(freq));
    const bool fixed[] = {false, true, false, false, true, false, false, true, false, false,
                          false, true, false, false, true, false, false, true, false, false};
    NmfBatch<T> problem{batch, frames, freq, rank, v.data(), result.w.data(), result.h.data(), result.costs.data(), done.data()};
    if (weighted) {
      problem.fixed = fixed;
      problem.weights = weights_shared ? row.data() : weights.data();
      problem.weights_frame = weights_shared ? 0 : freq;
      problem.weights_matrix = weights_shared ? 0 : frames * freq;
    }
    CHECK(nmf(problem, options, nullptr), "stopped");
    for (std::size_t i = 0; weighted && i < w.size(); ++i)
      CHECK(!fixed[i % rank] || result.w[i] == w[i], "column %zu has changed", i % rank);
    return result;
  }

  void check(double beta, bool update_w, double penalty, bool weighted, bool weights_shared, bool accelerate) const {
    NmfOptions options;
    options.beta = beta;
    options.iterations = 7;
    options.update_w = update_w;
    options.accelerate = accelerate;
    options.l1_h = options.l2_w = 0.1 * penalty;
    options.smooth_h = penalty;
    const Result one = run(options, weighted, weights_shared, 1), two = run(options, weighted, weights_shared, 2);
    CHECK(one.w == two.w && one.h == two.h && one.costs == two.costs, "%zu x %zu, rank %zu depends on threads", freq, frames, rank);
    for (std::size_t i = 0; i < one.costs.size(); ++i) {
      const double before = i % options.iterations == 0 ? 1e300 : one.costs[i - 1];
      const double slack = (sizeof(T) == 4 ? 1e-6 : 1e-12) * static_cast<double>(freq * frames);
      CHECK(one.costs[i] <= before + slack, "beta %g, penalty %g: cost %g after %g", beta, penalty, one.costs[i], before);
    }
  }

  void check_all() const {
    for (const double beta : {0.0, 0.5, 1.0, 2.0})
      for (const double penalty : {0.0, 0.5})
        for (const bool update_w : {true, false})
          for (const bool accelerate : {false, true}) {
            check(beta, update_w, penalty, false, false, accelerate);
            check(beta, update_w, penalty, true, false, accelerate);
            check(beta, update_w, penalty, true, true, accelerate);
          }
  }
};

int main() {
  for (const Isa isa : available_isas()) {
    set_isa(isa_name(isa));
    for (const std::size_t frames : {1, 33, 70})
      for (const std::size_t freq : {1, 17, 65})
        for (const std::size_t rank : {5, 20}) {
          Case<float>(frames, freq, rank).check_all();
          Case<double>(frames, freq, rank).check_all();
        }
  }
  return failures;
}
