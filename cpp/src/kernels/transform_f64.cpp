#include "transform.hpp"

namespace phasewise::PW_ISA {
extern const TransformKernels<double> transform_f64;
const TransformKernels<double> transform_f64 = transform_kernels<double>();
}  // namespace phasewise::PW_ISA
