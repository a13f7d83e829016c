#include "phasewise/dispatch.hpp"

#include <type_traits>

// Every level defines the same tables in a namespace of its own.
#define PW_DECLARE_TABLES(isa)                        \
  namespace phasewise::isa {                          \
  extern const TransformKernels<float> transform_f32; \
  extern const TransformKernels<double> transform_f64; \
  extern const InversionKernels<float> inversion_f32; \
  extern const InversionKernels<double> inversion_f64; \
  extern const NmfKernels<float> nmf_f32; \
  extern const NmfKernels<double> nmf_f64; \
  extern const GemmKernels<float> gemm_f32; \
  extern const GemmKernels<double> gemm_f64; \
  extern const FilterKernels<float> filter_f32;       \
  extern const FilterKernels<double> filter_f64;      \
  extern const MultichannelKernels<float> multichannel_f32;   \
  extern const MultichannelKernels<double> multichannel_f64;  \
  extern const PhaseModelKernels<float> phase_model_f32;      \
  extern const PhaseModelKernels<double> phase_model_f64;     \
  extern const PhaseKernels<float> phase_f32;         \
  extern const PhaseKernels<double> phase_f64;        \
  extern const UnfoldingKernels<float> unfolding_f32;         \
  extern const UnfoldingKernels<double> unfolding_f64;        \
  }

#if defined(PW_HAVE_NEON)
PW_DECLARE_TABLES(neon)
#else
PW_DECLARE_TABLES(baseline)
#endif
#if defined(PW_HAVE_AVX2)
PW_DECLARE_TABLES(avx2)
#endif
#if defined(PW_HAVE_AVX512)
PW_DECLARE_TABLES(avx512)
#endif

#if defined(PW_HAVE_AVX2)
#define PW_CASE_AVX2(table) case Isa::avx2: return avx2::table;
#else
#define PW_CASE_AVX2(table)
#endif
#if defined(PW_HAVE_AVX512)
#define PW_CASE_AVX512(table) case Isa::avx512: return avx512::table;
#else
#define PW_CASE_AVX512(table)
#endif
#if defined(PW_HAVE_NEON)
#define PW_DEFAULT(table) default: return neon::table;
#else
#define PW_DEFAULT(table) default: return baseline::table;
#endif

// Defines the look-up of one table for one scalar type.
#define PW_TABLE(Kernels, function, T, table)          \
  template <>                                          \
  const Kernels<T>& function<T>(Isa isa) {             \
    switch (isa) {                                     \
      PW_CASE_AVX2(table)                              \
      PW_CASE_AVX512(table)                            \
      PW_DEFAULT(table)                                \
    }                                                  \
  }

namespace phasewise {

PW_TABLE(TransformKernels, transform_kernels, float, transform_f32)
PW_TABLE(TransformKernels, transform_kernels, double, transform_f64)
PW_TABLE(InversionKernels, inversion_kernels, float, inversion_f32)
PW_TABLE(InversionKernels, inversion_kernels, double, inversion_f64)
PW_TABLE(PhaseModelKernels, phase_model_kernels, float, phase_model_f32)
PW_TABLE(PhaseModelKernels, phase_model_kernels, double, phase_model_f64)
PW_TABLE(PhaseKernels, phase_kernels, float, phase_f32)
PW_TABLE(PhaseKernels, phase_kernels, double, phase_f64)
PW_TABLE(FilterKernels, filter_kernels, float, filter_f32)
PW_TABLE(FilterKernels, filter_kernels, double, filter_f64)
PW_TABLE(MultichannelKernels, multichannel_kernels, float, multichannel_f32)
PW_TABLE(MultichannelKernels, multichannel_kernels, double, multichannel_f64)
PW_TABLE(UnfoldingKernels, unfolding_kernels, float, unfolding_f32)
PW_TABLE(UnfoldingKernels, unfolding_kernels, double, unfolding_f64)
PW_TABLE(NmfKernels, nmf_kernels, float, nmf_f32)
PW_TABLE(NmfKernels, nmf_kernels, double, nmf_f64)
PW_TABLE(GemmKernels, gemm_kernels, float, gemm_f32)
PW_TABLE(GemmKernels, gemm_kernels, double, gemm_f64)

}  // namespace phasewise
