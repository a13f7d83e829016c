// Compiled once per instruction-set level, like the kernels.
#include "vec_math.hpp"
#include "vec_math_table.hpp"
#include "vec_trig.hpp"

namespace {

template <class T>
using Native = Vec<T, native_lanes<T>>;

template <class T>
void reciprocals(const T* a, T* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += Native<T>::lanes) reciprocal(Native<T>::load(a + i)).store(out + i);
}
template <class T>
void logs(const T* a, T* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += Native<T>::lanes) log(Native<T>::load(a + i)).store(out + i);
}
template <class T>
void powers(const T* a, const T* p, T* out, std::size_t n) {
  for (std::size_t i = 0; i < n; i += Native<T>::lanes) pow(Native<T>::load(a + i), Native<T>::load(p + i)).store(out + i);
}
template <class T>
void turns(const T* cycles, T* re, T* im, std::size_t n) {
  for (std::size_t i = 0; i < n; i += Native<T>::lanes) {
    const auto c = Native<T>::load(cycles + i);
    const auto z = turn(c - round_to_integer(c));
    z.re.store(re + i);
    z.im.store(im + i);
  }
}

#if defined(__FMA__) || defined(__aarch64__)
constexpr bool fused = true;
#else
constexpr bool fused = false;
#endif

}  // namespace

namespace phasewise::PW_ISA {

extern const VecMath<float> vec_math_f32;
extern const VecMath<double> vec_math_f64;
extern const VecTrig vec_trig;
const VecMath<float> vec_math_f32{fused, &reciprocals<float>, &logs<float>, &powers<float>};
const VecMath<double> vec_math_f64{fused, &reciprocals<double>, &logs<double>, &powers<double>};
const VecTrig vec_trig{&turns<float>, &turns<double>};

}  // namespace phasewise::PW_ISA
