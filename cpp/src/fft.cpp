#include "phasewise/fft.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

namespace phasewise {
namespace {

constexpr long double pi = 3.141592653589793238462643383279503L;

// cos and sin of 2 pi k / n, the argument reduced to an eighth of the circle so that symmetric values agree to the bit.
struct Angle {
  double cosine, sine;
};
Angle unit_angle(unsigned long long k, unsigned long long n) {
  k %= n;
  if (2 * k > n) {
    const Angle a = unit_angle(n - k, n);
    return {a.cosine, -a.sine};
  }
  if (4 * k > n) {
    const Angle a = unit_angle(n - 2 * k, 2 * n);
    return {-a.cosine, a.sine};
  }
  if (8 * k > n) {
    const Angle a = unit_angle(n - 4 * k, 4 * n);
    return {a.sine, a.cosine};
  }
  const long double x = 2 * pi * static_cast<long double>(k) / static_cast<long double>(n);
  return {static_cast<double>(std::cos(x)), static_cast<double>(std::sin(x))};
}

constexpr int radices[] = {20, 16, 15, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2};

// What a butterfly of all lanes costs in a later pass, in nanoseconds on one machine (Zen 4, AVX-512, float32), and how many
// times dearer it is in the first pass, whose stores are interleaved. Other levels differ by a common factor, roughly.
struct ButterflyCost {
  double later, first;
};
ButterflyCost butterfly_cost(int radix) {
  switch (radix) {
    case 2: return {2.8, 1.8};
    case 3: return {4.5, 2.5};
    case 4: return {6.0, 2.5};
    case 5: return {10.0, 3.0};
    case 6: return {12.0, 2.3};
    case 7: return {17.5, 2.7};
    case 8: return {16.5, 2.4};
    case 9: return {23.0, 3.2};
    case 10: return {26.0, 2.7};
    case 12: return {32.0, 2.1};
    case 15: return {58.0, 3.3};
    case 16: return {50.0, 1.6};
    default: return {75.0, 2.2};  // 20
  }
}

double pass_cost(std::size_t s, std::size_t m, int radix, std::size_t lanes) {
  const std::size_t room = s == 1 ? m : s;
  std::size_t width = lanes;
  double narrow = 1;  // fewer lanes save some time
  if (width > room) {
    const bool half = lanes >= 4 && room >= lanes / 2;
    width = half ? lanes / 2 : 1;
    narrow = half ? 0.6 : 0.45;
  }
  const std::size_t blocks = ((room + width - 1) / width) * (s == 1 ? 1 : m);
  const ButterflyCost cost = butterfly_cost(radix);
  return static_cast<double>(blocks) * narrow * cost.later * (s == 1 && width > 1 ? cost.first : 1.0) + 3 +
         0.05 * static_cast<double>(s * m) * radix;  // every pass moves all points
}

// Cheapest sequence of radices for n points of which s are already split off; empty sequence and infinite cost if n is not 7-smooth.
struct Choice {
  double cost;
  int radix;
};
Choice cheapest(std::size_t n, std::size_t s, std::size_t lanes, std::map<std::size_t, Choice>& known) {
  if (n == 1) return {0, 0};
  const auto found = known.find(n);
  if (found != known.end()) return found->second;
  Choice best{std::numeric_limits<double>::infinity(), 0};
  for (const int radix : radices) {
    const std::size_t r = static_cast<std::size_t>(radix);
    if (n % r != 0) continue;
    const double cost = pass_cost(s, n / r, radix, lanes) + cheapest(n / r, s * r, lanes, known).cost;
    if (cost < best.cost) best = {cost, radix};
  }
  return known[n] = best;
}

std::vector<int> factorise(std::size_t n, int lanes) {
  std::map<std::size_t, Choice> known;
  std::vector<int> result;
  std::size_t s = 1;
  while (n > 1) {
    const Choice c = cheapest(n, s, static_cast<std::size_t>(lanes), known);
    if (c.radix == 0) return {};
    result.push_back(c.radix);
    n /= static_cast<std::size_t>(c.radix);
    s *= static_cast<std::size_t>(c.radix);
  }
  return result;
}

std::size_t rounded_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

}  // namespace

template <class T>
FftPlan<T>::FftPlan(std::size_t n, int lanes) {
  if (n == 0) throw std::invalid_argument("a transform needs at least one point");
  view_.n = n;
  view_.stride = rounded_up(n + 1, 16);  // one more point: untangling wraps around
  const std::vector<int> sequence = factorise(n, lanes);
  if (sequence.empty() && n > 1) plan_bluestein(lanes);
  else plan_passes(sequence);
}

template <class T>
std::size_t FftPlan<T>::scratch() const {
  return view_.convolution != nullptr ? 6 * view_.convolution->stride : 4 * view_.stride;
}

template <class T>
void FftPlan<T>::plan_passes(const std::vector<int>& sequence) {
  std::size_t size = 0, n = view_.n;
  for (const int radix : sequence) {
    n /= static_cast<std::size_t>(radix);
    size += rounded_up(2 * static_cast<std::size_t>(radix - 1) * n, 16);
  }
  twiddles_ = AlignedBuffer<T>(size);
  T* w = twiddles_.data();
  std::size_t s = 1;
  n = view_.n;
  for (const int radix : sequence) {
    const std::size_t r = static_cast<std::size_t>(radix), m = n / r;
    passes_.push_back({radix, s, m, w});
    for (std::size_t p = 0; p < m; ++p)
      for (std::size_t j = 1; j < r; ++j) {
        const Angle a = unit_angle(static_cast<unsigned long long>(p) * j, n);
        const std::size_t re = s == 1 ? 2 * (j - 1) * m + p : 2 * ((r - 1) * p + j - 1), step = s == 1 ? m : 1;
        w[re] = static_cast<T>(a.cosine);
        w[re + step] = static_cast<T>(-a.sine);
      }
    w += rounded_up(2 * (r - 1) * m, 16);
    s *= r;
    n = m;
  }
  view_.pass_count = static_cast<int>(passes_.size());
  view_.passes = passes_.data();
}

template <class T>
void FftPlan<T>::plan_bluestein(int lanes) {
  const std::size_t n = view_.n;
  std::size_t length = 1;
  while (length < 2 * n - 1) length *= 2;
  convolution_ = std::make_unique<FftPlan>(length, lanes);
  const FftView<T>& conv = convolution_->view();
  view_.convolution = &conv;
  chirp_ = AlignedBuffer<T>(2 * view_.stride);
  view_.chirp = chirp_.data();
  std::vector<double> re(length, 0.0), im(length, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const Angle a = unit_angle(static_cast<unsigned long long>(i) * i, 2 * static_cast<unsigned long long>(n));
    chirp_[i] = static_cast<T>(a.cosine);
    chirp_[view_.stride + i] = static_cast<T>(-a.sine);
    re[i] = re[(length - i) % length] = a.cosine;
    im[i] = im[(length - i) % length] = a.sine;
  }
  // The chirp's spectrum by a plain power-of-two transform in double precision, divided by the length for the way back.
  for (std::size_t i = 1, j = 0; i < length; ++i) {
    std::size_t bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      std::swap(re[i], re[j]);
      std::swap(im[i], im[j]);
    }
  }
  for (std::size_t block = 2; block <= length; block *= 2)
    for (std::size_t k = 0; k < block / 2; ++k) {
      const Angle a = unit_angle(k, block);
      for (std::size_t i = k; i < length; i += block) {
        const std::size_t other = i + block / 2;
        const double x = re[other] * a.cosine + im[other] * a.sine, y = im[other] * a.cosine - re[other] * a.sine;
        re[other] = re[i] - x;
        im[other] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  chirp_spectrum_ = AlignedBuffer<T>(2 * conv.stride);
  view_.chirp_spectrum = chirp_spectrum_.data();
  for (std::size_t i = 0; i < length; ++i) {
    chirp_spectrum_[i] = static_cast<T>(re[i] / static_cast<double>(length));
    chirp_spectrum_[conv.stride + i] = static_cast<T>(im[i] / static_cast<double>(length));
  }
}

template <class T>
FramePlan<T>::FramePlan(const double* window, std::size_t n, Isa isa)
    : isa_(isa), kernels_(transform_kernels<T>(isa)), fft_(n % 2 == 0 && n > 0 ? n / 2 : n, kernels_.lanes), analysis_(n), synthesis_(n) {
  const bool even = n % 2 == 0;
  view_.n = n;
  view_.bins = n / 2 + 1;
  view_.fft = fft_.view();
  const std::size_t stride = view_.fft.stride;
  if (even) {
    untangle_ = AlignedBuffer<T>(2 * stride);
    for (std::size_t k = 0; k <= n / 2; ++k) {
      const Angle a = unit_angle(k, n);
      untangle_[k] = static_cast<T>(a.cosine);
      untangle_[stride + k] = static_cast<T>(-a.sine);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    analysis_[i] = static_cast<T>(even ? 0.5 * window[i] : window[i]);
    synthesis_[i] = static_cast<T>(window[i] / static_cast<double>(n));
  }
  view_.untangle = untangle_.data();
  view_.analysis = analysis_.data();
  view_.synthesis = synthesis_.data();
  view_.scratch = fft_.scratch() + 2 * stride;
}

template class FftPlan<float>;
template class FftPlan<double>;
template class FramePlan<float>;
template class FramePlan<double>;

}  // namespace phasewise
