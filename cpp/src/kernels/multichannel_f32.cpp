#include "multichannel.hpp"

namespace phasewise::PW_ISA {
extern const MultichannelKernels<float> multichannel_f32;
const MultichannelKernels<float> multichannel_f32 = multichannel_kernels<float>();
}  // namespace phasewise::PW_ISA
