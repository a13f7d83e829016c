// Errors of the vector functions against long double, in units in the last place, at every level of this machine.
#include <limits>
#include <utility>

#include "check.hpp"
#include "phasewise/isa.hpp"
#include "vec_math_table.hpp"

using namespace phasewise;

#define DECLARE_LEVEL(isa)                     \
  namespace phasewise::isa {                   \
  extern const VecMath<float> vec_math_f32;    \
  extern const VecMath<double> vec_math_f64;   \
  extern const VecTrig vec_trig;               \
  }
DECLARE_LEVEL(baseline)
DECLARE_LEVEL(avx2)
DECLARE_LEVEL(avx512)
DECLARE_LEVEL(neon)

namespace {

struct Level {
  const VecMath<float>& f32;
  const VecMath<double>& f64;
  const VecTrig& trig;
};

Level level(Isa isa) {
  switch (isa) {
#if defined(PW_HAVE_AVX2)
    case Isa::avx2: return {avx2::vec_math_f32, avx2::vec_math_f64, avx2::vec_trig};
#endif
#if defined(PW_HAVE_AVX512)
    case Isa::avx512: return {avx512::vec_math_f32, avx512::vec_math_f64, avx512::vec_trig};
#endif
#if defined(PW_HAVE_NEON)
    default: return {neon::vec_math_f32, neon::vec_math_f64, neon::vec_trig};
#else
    default: return {baseline::vec_math_f32, baseline::vec_math_f64, baseline::vec_trig};
#endif
  }
}

// The distance of neighbouring numbers of type T around x.
template <class T>
long double ulp(long double x) {
  return std::ldexp(1.0L, std::ilogb(x) + 1 - std::numeric_limits<T>::digits);
}

struct Worst {
  double error = 0, at = 0, power = 1;
  void take(long double e, double a, double p = 1) {
    if (!(e <= error)) *this = {static_cast<double>(e), a, p};  // not a number counts as worst
  }
};
#define CHECK_WORST(worst, bound) \
  CHECK((worst).error <= (bound), "at %s: %.3g (limit %.3g) for %.17g, power %.17g", name, (worst).error, bound, (worst).at, (worst).power)

// Arguments and exact values, the same for all levels.
template <class T>
struct Samples {
  std::vector<T> a, p, base;
  std::vector<long double> log_a, power;

  Samples() {
    std::mt19937_64 generator(1);
    const auto uniform = [&](double low, double high) { return low + (high - low) * (static_cast<double>(generator() >> 11) * 0x1p-53); };
    const double octaves = std::numeric_limits<T>::max_exponent - 2;  // of normal numbers, to both sides of 1
    for (int i = 0; i < 1 << 18; ++i) a.push_back(static_cast<T>(i % 4 == 0 ? uniform(0.5, 2) : std::exp2(uniform(-octaves, octaves))));
    for (int i = 0; i < 1 << 18; ++i) {
      const double x = static_cast<T>(i % 4 == 0 ? uniform(0.5, 2) : std::exp2(uniform(-octaves, octaves)));
      const double log2_x = std::log2(x), most = std::min(6.0, (octaves - 2) / std::abs(log2_x));
      double power_of_x = uniform(-most, most);
      // Half-way between two integers is where the exponent of the result is in doubt.
      if (i % 2 == 0) power_of_x = (std::floor(power_of_x * log2_x) + 0.5) / log2_x;
      if (!(std::abs(power_of_x) <= most)) power_of_x = most;
      base.push_back(static_cast<T>(x));
      p.push_back(static_cast<T>(power_of_x));
    }
    for (const T x : a) log_a.push_back(std::log(static_cast<long double>(x)));
    for (std::size_t i = 0; i < base.size(); ++i)
      power.push_back(std::pow(static_cast<long double>(base[i]), static_cast<long double>(p[i])));
  }
};

template <class T>
void check_level(const char* name, const VecMath<T>& math, const Samples<T>& samples) {
  const std::size_t n = samples.a.size();
  std::vector<T> out(n);
  Worst reciprocal, log, pow;
  math.reciprocal(samples.a.data(), out.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const long double exact = 1 / static_cast<long double>(samples.a[i]);
    reciprocal.take(std::abs(out[i] - exact) / ulp<T>(exact), samples.a[i]);
  }
  math.log(samples.a.data(), out.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const long double exact = samples.log_a[i];
    log.take(std::abs(out[i] - exact) / ulp<T>(std::max(std::abs(exact), 1.0L)), samples.a[i]);
  }
  math.pow(samples.base.data(), samples.p.data(), out.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    const long double exact = samples.power[i];
    const long double octaves = std::abs(std::log2(exact));
    pow.take(std::abs(out[i] - exact) / ulp<T>(exact) - (math.fused ? 0 : octaves), samples.base[i], samples.p[i]);
  }
  std::printf("%s, %zu bytes: reciprocal %.2f, log %.2f, pow %.2f%s ulp\n", name, sizeof(T), reciprocal.error, log.error, pow.error,
              math.fused ? "" : " + |p log2 a|");
  CHECK_WORST(reciprocal, 0.6);
  CHECK_WORST(log, 0.8);
  CHECK_WORST(pow, math.fused ? 4.0 : 2.0);
}

// Powers beyond the normal numbers end near the largest and the smallest of them.
template <class T>
void check_saturation(const char* name, const VecMath<T>& math) {
  const T great = std::ldexp(T(1), std::numeric_limits<T>::max_exponent - 2), small = 1 / great;
  std::vector<T> a(16, great), p(16, T(2)), out(16);
  for (const T power : {T(1.5), T(3), T(1000)}) {
    std::fill(p.begin(), p.end(), power);
    std::fill(a.begin(), a.end(), great);
    math.pow(a.data(), p.data(), out.data(), 16);
    for (const T v : out) CHECK(std::isfinite(v) && v >= great, "%s: %g", name, static_cast<double>(v));
    std::fill(a.begin(), a.end(), small);
    math.pow(a.data(), p.data(), out.data(), 16);
    for (const T v : out) CHECK(std::isnormal(v) && v > 0 && v <= 4 * small, "%s: %g", name, static_cast<double>(v));
  }
}

struct Turns {
  std::vector<double> cycles;
  std::vector<long double> re, im;

  Turns() {
    std::mt19937_64 generator(2);
    constexpr long double tau = 6.283185307179586476925286766559005768L;
    for (int i = 0; i < 1 << 18; ++i) {
      const double u = static_cast<double>(generator() >> 11) * 0x1p-53 - 0.5;
      double c = u;
      if (i % 4 == 1) c = 1000 * u;
      if (i % 4 == 2) c = i % 64 / 8.0 + std::ldexp(u, -(i % 60));  // near the eighths, where sine and cosine change places
      if (i % 4 == 3) c = i % 4096 / 64.0;
      const double quarter = std::nearbyint(4 * c);
      const long double x = tau * (static_cast<long double>(c) - quarter / 4), s = std::sin(x), co = std::cos(x);
      const std::pair<long double, long double> by_quarter[] = {{co, s}, {-s, co}, {-co, -s}, {s, -co}};
      const auto& z = by_quarter[static_cast<long long>(quarter) & 3];
      cycles.push_back(c);
      re.push_back(z.first);
      im.push_back(z.second);
    }
  }
};

void check_turns(const char* name, const VecTrig& trig, const Turns& turns) {
  const std::size_t n = turns.cycles.size();
  std::vector<double> re(n), im(n);
  trig.turn_f64(turns.cycles.data(), re.data(), im.data(), n);
  Worst worst;
  const auto take = [&](double got, long double exact, double c) {
    worst.take(exact == 0 ? std::abs(got) * 1e300L : std::abs(got - exact) / ulp<double>(exact), c);
  };
  for (std::size_t i = 0; i < n; ++i) {
    take(re[i], turns.re[i], turns.cycles[i]);
    take(im[i], turns.im[i], turns.cycles[i]);
  }
  std::printf("%s: turn %.2f ulp\n", name, worst.error);
  CHECK_WORST(worst, 2.0);
}

// Single precision: absolute errors, where double is exact.
void check_float_turns(const char* name, const VecTrig& trig) {
  constexpr std::size_t n = 1 << 16;
  std::mt19937 generator(3);
  std::vector<float> cycles(n), re(n), im(n);
  for (float& c : cycles) c = static_cast<float>(generator() >> 8) * 0x1p-22f - 2.0f;
  trig.turn_f32(cycles.data(), re.data(), im.data(), n);
  Worst worst;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = 6.283185307179586476925 * static_cast<double>(cycles[i]);
    worst.take(std::abs(static_cast<double>(re[i]) - std::cos(x)), cycles[i]);
    worst.take(std::abs(static_cast<double>(im[i]) - std::sin(x)), cycles[i]);
  }
  CHECK_WORST(worst, 2e-7);
}

// Where long double is no longer than double it cannot judge double.
constexpr bool judges_double = std::numeric_limits<long double>::digits > std::numeric_limits<double>::digits + 6;

}  // namespace

int main() {
  const Samples<float> floats;
  const Samples<double> doubles;
  const Turns turns;
  for (const Isa isa : available_isas()) {
    const char* name = isa_name(isa);
    const Level& of = level(isa);
    check_level(name, of.f32, floats);
    check_saturation(name, of.f32);
    check_saturation(name, of.f64);
    check_float_turns(name, of.trig);
    if (!judges_double) continue;
    check_level(name, of.f64, doubles);
    check_turns(name, of.trig, turns);
  }
  return failures;
}
