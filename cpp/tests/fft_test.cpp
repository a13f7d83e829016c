// One frame forward and back against the definition of the transform, for every level of the machine.
#include "check.hpp"

#include <complex>

#include "phasewise/fft.hpp"

using namespace phasewise;

template <class T>
void compare(std::size_t n, Isa isa) {
  std::vector<double> window(n);
  const auto shape = noise<double>(n, 7);
  for (std::size_t i = 0; i < n; ++i) window[i] = 1.5 + 0.5 * shape[i];
  const FramePlan<T> plan(window.data(), n, isa);
  const auto x = noise<T>(n, static_cast<unsigned>(n));
  std::vector<T> spectrum(2 * plan.bins()), re(plan.bins()), im(plan.bins()), power(plan.bins());
  AlignedBuffer<T> scratch(plan.scratch());
  plan.kernels().forward(plan.view(), x.data(), spectrum.data(), scratch.data());
  plan.kernels().forward_planar(plan.view(), x.data(), re.data(), im.data(), scratch.data());
  plan.kernels().forward_power(plan.view(), x.data(), power.data(), scratch.data());

  const double tolerance = (sizeof(T) == 4 ? 1e-6 : 1e-14) * 4 * std::sqrt(static_cast<double>(n)) + 1e-300;
  double worst = 0;
  for (std::size_t k = 0; k < plan.bins(); ++k) {
    std::complex<double> expected = 0;
    for (std::size_t i = 0; i < n; ++i)
      expected += window[i] * static_cast<double>(x[i]) * std::polar(1.0, -2 * pi * static_cast<double>(i * k % n) / static_cast<double>(n));
    worst = std::max(worst, std::abs(expected - std::complex<double>(spectrum[2 * k], spectrum[2 * k + 1])));
    CHECK(re[k] == spectrum[2 * k] && im[k] == spectrum[2 * k + 1], "planar and interleaved differ, n=%zu k=%zu", n, k);
    worst = std::max(worst, std::abs(std::norm(expected) - static_cast<double>(power[k])) / (1 + std::abs(expected)));
  }
  CHECK(worst < 4 * tolerance, "n=%zu isa=%s size=%zu error=%g", n, isa_name(isa), sizeof(T), worst);

  std::vector<T> back(n, T(1)), planar(n, T(1)), expected(n);
  plan.kernels().inverse_add(plan.view(), spectrum.data(), back.data(), n, scratch.data());
  plan.kernels().inverse_add_planar(plan.view(), re.data(), im.data(), planar.data(), n, scratch.data());
  for (std::size_t i = 0; i < n; ++i) expected[i] = static_cast<T>(1 + window[i] * window[i] * static_cast<double>(x[i]));
  CHECK(largest_difference(back, expected) < 4 * tolerance, "inverse n=%zu isa=%s size=%zu", n, isa_name(isa), sizeof(T));
  CHECK(largest_difference(back, planar) == 0, "planar inverse n=%zu", n);

  for (const std::size_t fresh : {std::size_t{0}, n / 3, n - 1}) {  // what lies beyond is overwritten, even if it is no number
    std::vector<T> mixed(n, T(1));
    std::fill(mixed.begin() + static_cast<std::ptrdiff_t>(fresh), mixed.end(), std::numeric_limits<T>::quiet_NaN());
    plan.kernels().inverse_add(plan.view(), spectrum.data(), mixed.data(), fresh, scratch.data());
    for (std::size_t i = fresh; i < n; ++i) mixed[i] += T(1);
    CHECK(largest_difference(mixed, expected) < 4 * tolerance, "fresh=%zu n=%zu isa=%s", fresh, n, isa_name(isa));
  }
}

// Any argument: fewer sizes, for valgrind.
int main(int argc, char**) {
  const bool brief = argc > 1;
  for (const Isa isa : available_isas()) {
    for (std::size_t n = 1; n <= (brief ? 40 : 130); ++n) {
      compare<float>(n, isa);
      compare<double>(n, isa);
    }
    for (const std::size_t n : {120, 127, 250, 256, 360, 480, 509, 512, 600, 1000, 1021, 1024, 1536, 2000, 2048}) {
      if (brief && n > 512) continue;
      compare<float>(n, isa);
      compare<double>(n, isa);
    }
  }
  return failures;
}
