#include "phasewise/isa.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#if defined(_MSC_VER) && (defined(_M_X64) || defined(_M_IX86))
#include <immintrin.h>
#include <intrin.h>
#endif

namespace phasewise {
namespace {

#if defined(PW_HAVE_AVX2) || defined(PW_HAVE_AVX512)
#if defined(_MSC_VER) && !defined(__clang__)
// The operating system must save the wide registers too: XGETBV tells.
bool machine_has(Isa isa) {
  int r[4];
  __cpuidex(r, 1, 0);
  const bool fma = r[2] & (1 << 12), osxsave = r[2] & (1 << 27);
  if (!osxsave) return false;
  const unsigned long long saved = _xgetbv(0);
  __cpuidex(r, 7, 0);
  const unsigned ebx = static_cast<unsigned>(r[1]);
  if (isa == Isa::avx2) return fma && (saved & 0x6) == 0x6 && (ebx & (1u << 5));
  const unsigned need = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  return fma && (saved & 0xe6) == 0xe6 && (ebx & need) == need;
}
#else
bool machine_has(Isa isa) {
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}
#endif
#endif

Isa parse(const std::string& name, const char* origin) {
  std::string known;
  for (const Isa isa : available_isas()) {
    if (name == isa_name(isa)) return isa;
    known += (known.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  throw std::invalid_argument(std::string(origin) + " must be one of " + known + " on this machine; got '" + name + "'.");
}

Isa initial_isa() {
  const char* pinned = std::getenv("PHASEWISE_ISA");
  if (pinned != nullptr && *pinned != '\0') return parse(pinned, "PHASEWISE_ISA");
  return available_isas().back();
}

std::atomic<Isa>& current() {
  static std::atomic<Isa> isa{initial_isa()};
  return isa;
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "unknown";
}

std::vector<Isa> available_isas() {
#if defined(PW_HAVE_NEON)
  return {Isa::neon};
#else
  std::vector<Isa> isas{Isa::baseline};
#if defined(PW_HAVE_AVX2)
  if (machine_has(Isa::avx2)) isas.push_back(Isa::avx2);
#endif
#if defined(PW_HAVE_AVX512)
  if (machine_has(Isa::avx512)) isas.push_back(Isa::avx512);
#endif
  return isas;
#endif
}

Isa active_isa() { return current().load(std::memory_order_relaxed); }

void set_isa(const std::string& name) { current().store(parse(name, "isa"), std::memory_order_relaxed); }

}  // namespace phasewise
