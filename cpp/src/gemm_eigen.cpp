// The only file that includes Eigen. It is compiled once per instruction-set level with the namespace Eigen renamed
// (cmake/Kernels.cmake): templates of the same name and different flags must not be merged by the linker.
#include <Eigen/Core>
#include <type_traits>

#include "phasewise/kernels/gemm_table.hpp"

namespace {

// Matrices of any alignment whose rows lie `stride` apart.
template <class T>
auto matrix(T* data, std::size_t rows, std::size_t columns, std::size_t stride) {
  using Matrix = Eigen::Matrix<std::remove_const_t<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Target = std::conditional_t<std::is_const_v<T>, const Matrix, Matrix>;
  return Eigen::Map<Target, Eigen::Unaligned, Eigen::OuterStride<>>(data, static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns),
                                                                    Eigen::OuterStride<>(static_cast<Eigen::Index>(stride)));
}

template <class T>
void times(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns, std::size_t b_stride, T* out,
           std::size_t out_stride) {
  matrix(out, rows, columns, out_stride).noalias() = matrix(a, rows, inner, a_stride) * matrix(b, inner, columns, b_stride);
}
template <class T>
void times_transposed(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns,
                      std::size_t b_stride, T* out, std::size_t out_stride) {
  matrix(out, rows, columns, out_stride).noalias() = matrix(a, rows, inner, a_stride) * matrix(b, columns, inner, b_stride).transpose();
}
template <class T>
void transposed_times(const T* a, std::size_t rows, std::size_t inner, std::size_t a_stride, const T* b, std::size_t columns,
                      std::size_t b_stride, T* out, std::size_t out_stride) {
  matrix(out, rows, columns, out_stride).noalias() = matrix(a, inner, rows, a_stride).transpose() * matrix(b, inner, columns, b_stride);
}

template <class T>
void gram(const T* a, std::size_t rows, std::size_t columns, std::size_t stride, T* out) {
  using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
  const Eigen::OuterStride<> step(size(stride));
  const Eigen::Map<const Matrix, Eigen::Aligned16, Eigen::OuterStride<>> x(a, size(rows), size(columns), step);
  Eigen::Map<Matrix, Eigen::Aligned16, Eigen::OuterStride<>> y(out, size(columns), size(columns), step);
  y.noalias() = x.transpose() * x;
}

}  // namespace

namespace phasewise::PW_ISA {
extern const GemmKernels<float> gemm_f32;
extern const GemmKernels<double> gemm_f64;
const GemmKernels<float> gemm_f32 = {gram<float>, times<float>, times_transposed<float>, transposed_times<float>};
const GemmKernels<double> gemm_f64 = {gram<double>, times<double>, times_transposed<double>, transposed_times<double>};
}  // namespace phasewise::PW_ISA
