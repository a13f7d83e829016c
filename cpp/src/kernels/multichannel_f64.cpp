#include "multichannel.hpp"

namespace phasewise::PW_ISA {
extern const MultichannelKernels<double> multichannel_f64;
const MultichannelKernels<double> multichannel_f64 = multichannel_kernels<double>();
}  // namespace phasewise::PW_ISA
