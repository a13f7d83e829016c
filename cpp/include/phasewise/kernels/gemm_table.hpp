// Products that a general library does as well as we would: Eigen, behind plain pointers, once per instruction-set level.
#pragma once

#include <cstddef>

namespace phasewise {

template <class T>
struct GemmKernels {
  // out = A^T A for A (rows x columns); rows of A and of out are `stride` apart; columns beyond the last are left alone
  void (*gram)(const T* a, std::size_t rows, std::size_t columns, std::size_t stride, T* out);
  // out = A B, A B^T and A^T B for results (rows x columns); `inner` is summed over. Strides lie between the rows in memory.
  void (*times)(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns, std::size_t b_stride,
                T* out, std::size_t out_stride);
  void (*times_transposed)(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns,
                           std::size_t b_stride, T* out, std::size_t out_stride);
  void (*transposed_times)(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns,
                           std::size_t b_stride, T* out, std::size_t out_stride);
};

}  // namespace phasewise
