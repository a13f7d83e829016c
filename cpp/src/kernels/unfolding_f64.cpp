#include "unfolding.hpp"

namespace phasewise::PW_ISA {
extern const UnfoldingKernels<double> unfolding_f64;
const UnfoldingKernels<double> unfolding_f64 = unfolding_kernels<double>();
}  // namespace phasewise::PW_ISA
