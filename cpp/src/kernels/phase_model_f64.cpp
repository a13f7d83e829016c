#include "phase_model.hpp"

namespace phasewise::PW_ISA {
extern const PhaseModelKernels<double> phase_model_f64;
const PhaseModelKernels<double> phase_model_f64 = phase_model_kernels<double>();
}  // namespace phasewise::PW_ISA
