// The whole test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

inline int failures = 0;

constexpr double pi = 3.14159265358979323846;

#define CHECK(condition, ...)                        \
  do {                                               \
    if (!(condition)) {                              \
      ++failures;                                    \
      std::printf("%s:%d: %s ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                      \
      std::printf("\n");                             \
    }                                                \
  } while (false)

template <class T>
std::vector<T> noise(std::size_t n, unsigned seed = 0) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> values(n);
  for (T& v : values) v = static_cast<T>(uniform(generator));
  return values;
}

template <class T>
double largest_difference(const std::vector<T>& a, const std::vector<T>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}
