#include "nmf_dictionary.hpp"

namespace phasewise::PW_ISA {
extern const NmfKernels<float> nmf_f32;
const NmfKernels<float> nmf_f32 = nmf_kernels<float>();
}  // namespace phasewise::PW_ISA
