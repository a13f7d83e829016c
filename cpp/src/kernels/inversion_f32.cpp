#include "inversion.hpp"

namespace phasewise::PW_ISA {
extern const InversionKernels<float> inversion_f32;
const InversionKernels<float> inversion_f32 = inversion_kernels<float>();
}  // namespace phasewise::PW_ISA
