// Magnitudes that can close polygons, and the blend with a prior: by hand, for awkward sizes, for any threads.
#include "check.hpp"

#include "phasewise/agreement.hpp"
#include "phasewise/threads.hpp"

using namespace phasewise;

template <class T>
struct Problem {
  std::size_t batch, sources, frames, bins;
  std::vector<T> mixture, magnitudes, estimate, prior;

  // Neither the mixture nor the estimates fit the magnitudes; some bins are empty, some huge or tiny.
  Problem(std::size_t batch_, std::size_t sources_, std::size_t frames_, std::size_t bins_)
      : batch(batch_),
        sources(sources_),
        frames(frames_),
        bins(bins_),
        mixture(noise<T>(2 * batch * frames * bins, 1)),
        magnitudes(noise<T>(batch * sources * frames * bins, 2)),
        estimate(noise<T>(2 * magnitudes.size(), 3)),
        prior(noise<T>(2 * magnitudes.size(), 4)) {
    for (T& v : magnitudes) v = v < T(-0.8) ? T(0) : std::abs(v);
    for (std::size_t r = 0; r < batch * sources; ++r) magnitudes[r * frames * bins] = T(0);
    const T scale = sizeof(T) == 4 ? T(1e15) : T(1e150);
    if (frames * bins > 2)
      for (std::size_t b = 0; b < batch; ++b)
        for (std::size_t far : {std::size_t{1}, std::size_t{2}}) {
          const T by = far == 1 ? scale : T(1) / scale;
          for (std::size_t j = 0; j < sources; ++j) magnitudes[(b * sources + j) * frames * bins + far] *= by;
          for (std::size_t i = 0; i < 2; ++i) mixture[2 * (b * frames * bins + far) + i] *= by;
        }
    for (std::size_t b = 0; b < batch; ++b)  // the estimates sum to the mixture
      for (std::size_t i = 0; i < 2 * frames * bins; ++i) {
        const std::size_t last = 2 * (b * sources + sources - 1) * frames * bins + i;
        T sum = 0;
        for (std::size_t j = 0; j + 1 < sources; ++j) sum += estimate[2 * (b * sources + j) * frames * bins + i];
        estimate[last] = mixture[2 * b * frames * bins + i] - sum;
      }
  }
  Agreement<T> given() const { return {batch, sources, frames, bins, mixture.data(), magnitudes.data()}; }
  T magnitude_of(std::size_t b, std::size_t i) const {
    return std::hypot(mixture[2 * (b * frames * bins + i)], mixture[2 * (b * frames * bins + i) + 1]);
  }
};

template <class T>
void polygons(const Problem<T>& p) {
  std::vector<T> one(p.magnitudes.size()), two(one.size());
  set_num_threads(1);
  feasible_magnitudes(p.given(), one.data());
  set_num_threads(2);
  feasible_magnitudes(p.given(), two.data());
  CHECK(one == two, "depends on threads");
  const std::size_t cells = p.frames * p.bins;
  const double precision = sizeof(T) == 4 ? 1e-5 : 1e-13;
  std::size_t changed = 0;
  for (std::size_t b = 0; b < p.batch; ++b)
    for (std::size_t i = 0; i < cells; ++i) {
      const double x = static_cast<double>(p.magnitude_of(b, i));
      double sum = 0, largest = 0, before = 0;
      for (std::size_t j = 0; j < p.sources; ++j) {
        const double v = static_cast<double>(one[(b * p.sources + j) * cells + i]);
        CHECK(std::isfinite(v) && v >= 0, "magnitude %g", v);
        sum += v;
        largest = std::max(largest, v);
        before += static_cast<double>(p.magnitudes[(b * p.sources + j) * cells + i]);
        changed += v != static_cast<double>(p.magnitudes[(b * p.sources + j) * cells + i]);
      }
      const double slack = precision * std::max(x, before);
      CHECK(sum >= x - slack && largest <= x + (sum - largest) + slack, "bin %zu does not close: %g of %g for %g", i, largest, sum, x);
    }
  CHECK(changed > 0, "nothing was to be done");
}

template <class T>
void blends(const Problem<T>& p, bool with_prior) {
  const auto run = [&](int threads, std::vector<double>& trust) {
    set_num_threads(threads);
    std::vector<T> estimate = p.estimate;
    trust.assign(p.batch, -1);
    blend_with_prior(p.given(), with_prior ? p.prior.data() : nullptr, estimate.data(), trust.data());
    return estimate;
  };
  std::vector<double> trust_1, trust_2;
  const auto one = run(1, trust_1), two = run(2, trust_2);
  CHECK(one == two && trust_1 == trust_2, "depends on threads");
  const std::size_t cells = p.frames * p.bins;
  for (std::size_t b = 0; b < p.batch; ++b) {
    CHECK(trust_1[b] >= 0 && trust_1[b] <= 1, "trust %g", trust_1[b]);
    for (std::size_t i = 0; i < 2 * cells; ++i) {
      double sum = 0, size = 0;
      for (std::size_t j = 0; j < p.sources; ++j) {
        const std::size_t at = 2 * (b * p.sources + j) * cells + i;
        sum += static_cast<double>(one[at]);
        size += std::abs(static_cast<double>(one[at])) + std::abs(static_cast<double>(p.estimate[at])) + (with_prior ? std::abs(static_cast<double>(p.prior[at])) : 0);
      }
      const double x = static_cast<double>(p.mixture[2 * b * cells + i]);
      CHECK(std::abs(sum - x) <= (sizeof(T) == 4 ? 1e-5 : 1e-13) * (size + std::abs(x)), "sums to %g instead of %g", sum, x);
    }
  }
}

// Two sources that err by a quarter: 6 and 2 for a mixture of 10 lack 2, shared 36 : 4; 6 and 2 for 1 have 3 too much.
void by_hand() {
  const std::vector<double> mixture{10, 0, 0, 1}, magnitudes{6, 6, 2, 2};
  std::vector<double> out(4);
  feasible_magnitudes<double>({1, 2, 1, 2, mixture.data(), magnitudes.data()}, out.data());
  const std::vector<double> expected{7.8, 6 - 2.7, 2.2, 2.3};
  CHECK(largest_difference(out, expected) < 1e-14, "%g %g %g %g", out[0], out[1], out[2], out[3]);

  // Magnitudes that are met leave the estimate as it is; those that are far from it, and from the mixture's energy, do not.
  std::vector<double> met{6, 0, 0, 6, 4, 0, 0, -5}, far = met;
  const std::vector<double> right{6, 6, 4, 5}, wrong{60, 60, 40, 50};
  double trust = 0;
  blend_with_prior<double>({1, 2, 1, 2, mixture.data(), right.data()}, nullptr, met.data(), &trust);
  CHECK(trust == 1 && largest_difference(met, far) < 1e-14, "trust %g", trust);
  blend_with_prior<double>({1, 2, 1, 2, mixture.data(), wrong.data()}, nullptr, far.data(), &trust);
  const double share = 3600.0 / (3600 + 1600);
  CHECK(trust == 0 && std::abs(far[0] - 10 * share) < 1e-12, "trust %g, %g instead of %g", trust, far[0], 10 * share);
}

template <class T>
void all_sizes() {
  for (const std::size_t bins : {1, 63, 64, 129})
    for (const std::size_t sources : {1, 2, 5}) {
      const Problem<T> p(2, sources, 21, bins);
      polygons(p);
      blends(p, false);
      blends(p, true);
    }
}

int main() {
  by_hand();
  all_sizes<float>();
  all_sizes<double>();
  return failures;
}
