#include "consistent.hpp"

namespace phasewise::PW_ISA {
extern const FilterKernels<float> filter_f32;
const FilterKernels<float> filter_f32 = filter_kernels<float>();
}  // namespace phasewise::PW_ISA
