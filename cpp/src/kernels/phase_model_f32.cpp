#include "phase_model.hpp"

namespace phasewise::PW_ISA {
extern const PhaseModelKernels<float> phase_model_f32;
const PhaseModelKernels<float> phase_model_f32 = phase_model_kernels<float>();
}  // namespace phasewise::PW_ISA
