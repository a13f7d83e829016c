#include "unfolding.hpp"

namespace phasewise::PW_ISA {
extern const UnfoldingKernels<float> unfolding_f32;
const UnfoldingKernels<float> unfolding_f32 = unfolding_kernels<float>();
}  // namespace phasewise::PW_ISA
