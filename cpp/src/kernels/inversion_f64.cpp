#include "inversion.hpp"

namespace phasewise::PW_ISA {
extern const InversionKernels<double> inversion_f64;
const InversionKernels<double> inversion_f64 = inversion_kernels<double>();
}  // namespace phasewise::PW_ISA
