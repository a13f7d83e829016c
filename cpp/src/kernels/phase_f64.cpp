#include "phase.hpp"

namespace phasewise::PW_ISA {
extern const PhaseKernels<double> phase_f64;
const PhaseKernels<double> phase_f64 = phase_kernels<double>();
}  // namespace phasewise::PW_ISA
