#include "phase.hpp"

namespace phasewise::PW_ISA {
extern const PhaseKernels<float> phase_f32;
const PhaseKernels<float> phase_f32 = phase_kernels<float>();
}  // namespace phasewise::PW_ISA
