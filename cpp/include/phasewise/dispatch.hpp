// The function table of the instruction-set level in use. Kernel sources are compiled once per level; everything else
// reaches them through these tables.
#pragma once

#include "phasewise/isa.hpp"
#include "phasewise/kernels/filter_table.hpp"
#include "phasewise/kernels/gemm_table.hpp"
#include "phasewise/kernels/inversion_table.hpp"
#include "phasewise/kernels/multichannel_table.hpp"
#include "phasewise/kernels/nmf_table.hpp"
#include "phasewise/kernels/phase_model_table.hpp"
#include "phasewise/kernels/phase_table.hpp"
#include "phasewise/kernels/transform_table.hpp"
#include "phasewise/kernels/unfolding_table.hpp"

namespace phasewise {

template <class T>
const TransformKernels<T>& transform_kernels(Isa isa);

template <class T>
const InversionKernels<T>& inversion_kernels(Isa isa);

template <class T>
const PhaseKernels<T>& phase_kernels(Isa isa);

template <class T>
const PhaseModelKernels<T>& phase_model_kernels(Isa isa);

template <class T>
const FilterKernels<T>& filter_kernels(Isa isa);

template <class T>
const MultichannelKernels<T>& multichannel_kernels(Isa isa);

template <class T>
const UnfoldingKernels<T>& unfolding_kernels(Isa isa);

template <class T>
const NmfKernels<T>& nmf_kernels(Isa isa);

template <class T>
const GemmKernels<T>& gemm_kernels(Isa isa);

}  // namespace phasewise
