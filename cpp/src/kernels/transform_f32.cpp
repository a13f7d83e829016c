#include "transform.hpp"

namespace phasewise::PW_ISA {
extern const TransformKernels<float> transform_f32;
const TransformKernels<float> transform_f32 = transform_kernels<float>();
}  // namespace phasewise::PW_ISA
