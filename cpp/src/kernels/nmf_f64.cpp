#include "nmf_dictionary.hpp"

namespace phasewise::PW_ISA {
extern const NmfKernels<double> nmf_f64;
const NmfKernels<double> nmf_f64 = nmf_kernels<double>();
}  // namespace phasewise::PW_ISA
