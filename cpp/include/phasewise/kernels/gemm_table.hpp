// Products that a general library does as well as we would: Eigen, behind plain pointers, once per instruction-set level.
#pragma once

#include <cstddef>

namespace phasewise {

template <class T>
struct GemmKernels {
  // out = A^T A for A (rows x columns); rows of A and of out are `stride` apart; columns beyond the last are left alone
  void (*gram)(const T* a, std::size_t rows, std::size_t columns, std::size_t stride, T* out);
};

}  // namespace phasewise
