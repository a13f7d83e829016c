#include "consistent.hpp"

namespace phasewise::PW_ISA {
extern const FilterKernels<double> filter_f64;
const FilterKernels<double> filter_f64 = filter_kernels<double>();
}  // namespace phasewise::PW_ISA
