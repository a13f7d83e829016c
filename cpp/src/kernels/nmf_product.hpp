// Products of tall, skinny matrices: C (rows x columns) = or += A (rows x depth) B (depth x columns).
//
// Lanes run over the columns of B and C, which are contiguous; A is read one scalar at a time with any strides. A block of
// C stays in registers over the whole depth, so every element sums its terms in rising order, whatever the blocking. Before
// it is stored, `finish(sum, row, column)` may turn it into something else.
#pragma once

#include "vec.hpp"

namespace {

template <class T>
struct MatrixView {
  T* data;
  std::size_t row, column;  // distances between neighbours
};

// Blocks of C that fit the registers, beside one row of B and one scalar of A: 24 + 3 + 1 of 32, or 12 + 3 + 1 of 16.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int block_rows = 8;
#else
inline constexpr int block_rows = 4;
#endif
inline constexpr int block_vectors = 3;

struct KeepSum {
  template <class V>
  PW_INLINE V operator()(V sum, std::size_t, std::size_t) const { return sum; }
};

template <class V, int Rows, int Vectors, bool Add, class T, class Finish>
PW_INLINE void product_block(std::size_t depth, MatrixView<const T> a, const T* b, std::size_t b_row, T* c, std::size_t c_row,
                             std::size_t row, std::size_t column, const Finish& finish) {
  V sum[Rows][Vectors];
  static_for<Rows>([&](auto i) PW_LAMBDA {
    static_for<Vectors>([&](auto j) PW_LAMBDA {
      sum[i.value][j.value] = Add ? V::load(c + i.value * c_row + j.value * V::lanes) : V::zero();
    });
  });
  const T* x = a.data;
  for (std::size_t k = 0; k < depth; ++k) {
    V y[Vectors];
    static_for<Vectors>([&](auto j) PW_LAMBDA { y[j.value] = V::load(b + j.value * V::lanes); });
    static_for<Rows>([&](auto i) PW_LAMBDA {
      const V s = V::broadcast(x[i.value * a.row]);
      static_for<Vectors>([&](auto j) PW_LAMBDA { sum[i.value][j.value] = fma(s, y[j.value], sum[i.value][j.value]); });
    });
    x += a.column;
    b += b_row;
  }
  static_for<Rows>([&](auto i) PW_LAMBDA {
    static_for<Vectors>([&](auto j) PW_LAMBDA {
      constexpr std::size_t down = i.value, right = j.value * V::lanes;
      finish(sum[i.value][j.value], row + down, column + right).store(c + down * c_row + right);
    });
  });
}

// `Vectors` columns of vectors, all rows
template <class V, int Vectors, bool Add, class T, class Finish>
void product_columns(std::size_t rows, std::size_t depth, MatrixView<const T> a, const T* b, std::size_t b_row, T* c, std::size_t c_row,
                     std::size_t column, const Finish& finish) {
  std::size_t row = 0;
  const auto block = [&](auto height) PW_LAMBDA {
    constexpr std::size_t count = height.value;
    for (; row + count <= rows; row += count) {
      product_block<V, height.value, Vectors, Add>(depth, a, b, b_row, c, c_row, row, column, finish);
      a.data += count * a.row;
      c += count * c_row;
    }
  };
  if constexpr (block_rows > 4) block(std::integral_constant<int, block_rows>{});
  block(std::integral_constant<int, 4>{});
  block(std::integral_constant<int, 2>{});
  block(std::integral_constant<int, 1>{});
}

// columns: a multiple of V::lanes
template <class V, bool Add, class T, class Finish = KeepSum>
void product(std::size_t rows, std::size_t depth, std::size_t columns, MatrixView<const T> a, const T* b, std::size_t b_row, T* c,
             std::size_t c_row, const Finish& finish = {}) {
  std::size_t vectors = columns / V::lanes, column = 0;
  while (vectors > 0) {
    // Blocks of equal width: four vectors as 2 + 2, not 3 + 1, which would leave too few sums in flight.
    const std::size_t blocks = (vectors + block_vectors - 1) / block_vectors, width = (vectors + blocks - 1) / blocks;
    if (width == 3) product_columns<V, 3, Add>(rows, depth, a, b, b_row, c, c_row, column, finish);
    else if (width == 2) product_columns<V, 2, Add>(rows, depth, a, b, b_row, c, c_row, column, finish);
    else product_columns<V, 1, Add>(rows, depth, a, b, b_row, c, c_row, column, finish);
    b += width * V::lanes;
    c += width * V::lanes;
    column += width * V::lanes;
    vectors -= width;
  }
}

// Calls f with the vector type whose lanes run over rank.
template <class T, class F>
PW_INLINE void with_rank_lanes(std::size_t lanes, F&& f) {
  constexpr int full = native_lanes<T>, smallest = full < 16 / static_cast<int>(sizeof(T)) ? full : 16 / static_cast<int>(sizeof(T));
  if (lanes == static_cast<std::size_t>(full)) return f(Vec<T, full>{});
  if constexpr (full / 2 >= smallest) {
    if (lanes == static_cast<std::size_t>(full / 2)) return f(Vec<T, full / 2>{});
  }
  if constexpr (full / 4 >= smallest) {
    if (lanes == static_cast<std::size_t>(full / 4)) return f(Vec<T, full / 4>{});
  }
}

}  // namespace
