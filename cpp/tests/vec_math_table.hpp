// The vector functions of one instruction-set level behind plain pointers, for vec_math_test. Arrays hold a multiple of 16 values.
#pragma once

#include <cstddef>

namespace phasewise {

template <class T>
struct VecMath {
  bool fused;  // fma rounds once
  void (*reciprocal)(const T* a, T* out, std::size_t n);
  void (*log)(const T* a, T* out, std::size_t n);
  void (*pow)(const T* a, const T* p, T* out, std::size_t n);
};

struct VecTrig {
  void (*turn_f32)(const float* cycles, float* re, float* im, std::size_t n);
  void (*turn_f64)(const double* cycles, double* re, double* im, std::size_t n);
};

}  // namespace phasewise
