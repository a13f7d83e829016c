// The only file that includes Eigen. It is compiled once per instruction-set level with the namespace Eigen renamed
// (cmake/Kernels.cmake): templates of the same name and different flags must not be merged by the linker.
#include <Eigen/Core>

#include "phasewise/kernels/gemm_table.hpp"

namespace {

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
const GemmKernels<float> gemm_f32 = {gram<float>};
const GemmKernels<double> gemm_f64 = {gram<double>};
}  // namespace phasewise::PW_ISA
