// The function table of the instruction-set level in use. Kernel sources are compiled once per level; everything else
// reaches them through these tables.
#pragma once

#include "../../src/kernels/gemm_table.hpp"
#include "../../src/kernels/inversion_table.hpp"
#include "../../src/kernels/nmf_table.hpp"
#include "../../src/kernels/phase_table.hpp"
#include "../../src/kernels/transform_table.hpp"
#include "phasewise/isa.hpp"

namespace phasewise {

template <class T>
const TransformKernels<T>& transform_kernels(Isa isa);

template <class T>
const InversionKernels<T>& inversion_kernels(Isa isa);

template <class T>
const PhaseKernels<T>& phase_kernels(Isa isa);

template <class T>
const NmfKernels<T>& nmf_kernels(Isa isa);

template <class T>
const GemmKernels<T>& gemm_kernels(Isa isa);

}  // namespace phasewise
