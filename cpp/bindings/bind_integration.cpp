#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/pghi.hpp"
#include "phasewise/polar.hpp"
#include "phasewise/spsi.hpp"

namespace phasewise::bindings {
namespace {

template <class Problem, class T>
void set_arrays(Problem& p, const Array<T>& magnitudes, std::size_t n_fft, std::size_t hop, Array<std::complex<T>>& estimate) {
  p.magnitudes = input(magnitudes, "magnitudes", 3);
  p.batch = extent(magnitudes, 0);
  p.frames = extent(magnitudes, 1);
  p.bins = extent(magnitudes, 2);
  check(p.frames > 0 && p.bins > 0 && p.bins == n_fft / 2 + 1, "n_fft does not fit the bins");
  check(hop > 0, "hop must be positive");
  p.n_fft = n_fft;
  p.hop = hop;
  p.estimate = output(estimate, "estimate", 3);
  check_shape(estimate, {p.batch, p.frames, p.bins}, "estimate");
}

template <class T>
void bind_methods(py::module_& m) {
  m.def(
      "pghi",
      [](const Array<T>& magnitudes, std::size_t n_fft, std::size_t hop, double centre, double width, double tolerance,
         const Array<std::uint64_t>& seeds, Array<std::complex<T>>& estimate) {
        PhaseIntegration<T> p;
        set_arrays(p, magnitudes, n_fft, hop, estimate);
        p.centre = centre;
        p.width = width;
        p.tolerance = tolerance;
        p.seeds = input(seeds, "seeds", 1);
        check_shape(seeds, {p.batch}, "seeds");
        const py::gil_scoped_release release;
        integrate_phase(p, check_signals);
      },
      py::kw_only(), py::arg("magnitudes").noconvert(), py::arg("n_fft"), py::arg("hop"), py::arg("centre"), py::arg("width"),
      py::arg("tolerance"), py::arg("seeds").noconvert(), py::arg("estimate").noconvert());
  m.def(
      "spsi",
      [](const Array<T>& magnitudes, std::size_t n_fft, std::size_t hop, double centre, double lobe, Array<std::complex<T>>& estimate) {
        SinglePass<T> p;
        set_arrays(p, magnitudes, n_fft, hop, estimate);
        p.centre = centre;
        p.lobe = lobe;
        const py::gil_scoped_release release;
        single_pass(p);
      },
      py::kw_only(), py::arg("magnitudes").noconvert(), py::arg("n_fft"), py::arg("hop"), py::arg("centre"), py::arg("lobe"),
      py::arg("estimate").noconvert());
  m.def(
      "polar",
      [](const Array<T>& magnitudes, const Array<double>& cycles, Array<std::complex<T>>& estimate) {
        const T* v = input(magnitudes, "magnitudes", 3);
        const std::size_t batch = extent(magnitudes, 0), frames = extent(magnitudes, 1), bins = extent(magnitudes, 2);
        const double* c = input(cycles, "cycles", 3);
        check_shape(cycles, {batch, bins, frames}, "cycles");
        T* out = output(estimate, "estimate", 3);
        check_shape(estimate, {batch, frames, bins}, "estimate");
        const py::gil_scoped_release release;
        polar(v, c, batch, frames, bins, out);
      },
      py::kw_only(), py::arg("magnitudes").noconvert(), py::arg("cycles").noconvert(), py::arg("estimate").noconvert());
}

}  // namespace

void bind_integration(py::module_& m) {
  bind_methods<float>(m);
  bind_methods<double>(m);
}

}  // namespace phasewise::bindings
