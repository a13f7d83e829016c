#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/agreement.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
Agreement<T> agreement(const Array<std::complex<T>>& mixture, const Array<T>& magnitudes) {
  Agreement<T> g;
  g.magnitudes = input(magnitudes, "magnitudes", 4);
  g.batch = extent(magnitudes, 0);
  g.sources = extent(magnitudes, 1);
  g.frames = extent(magnitudes, 2);
  g.bins = extent(magnitudes, 3);
  g.mixture = input(mixture, "mixture", 3);
  check_shape(mixture, {g.batch, g.frames, g.bins}, "mixture");
  return g;
}

template <class T>
void bind(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "feasible_magnitudes",
      [](const Array<Complex>& mixture, const Array<T>& magnitudes, Array<T>& feasible) {
        const Agreement<T> g = agreement(mixture, magnitudes);
        T* out = output(feasible, "feasible", 4);
        check_shape(feasible, {g.batch, g.sources, g.frames, g.bins}, "feasible");
        const py::gil_scoped_release release;
        feasible_magnitudes(g, out);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("feasible").noconvert());
  m.def(
      "blend_with_prior",
      [](const Array<Complex>& mixture, const Array<T>& magnitudes, const Optional<Complex>& prior, Array<Complex>& estimate,
         Array<double>& trust) {
        const Agreement<T> g = agreement(mixture, magnitudes);
        const T* other = nullptr;
        if (prior) {
          other = input(*prior, "prior", 4);
          check_shape(*prior, {g.batch, g.sources, g.frames, g.bins}, "prior");
        }
        T* out = output(estimate, "estimate", 4);
        check_shape(estimate, {g.batch, g.sources, g.frames, g.bins}, "estimate");
        double* believed = output(trust, "trust", 1);
        check_shape(trust, {g.batch}, "trust");
        const py::gil_scoped_release release;
        blend_with_prior(g, other, out, believed);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("prior").noconvert() = py::none(),
      py::arg("estimate").noconvert(), py::arg("trust").noconvert());
}

}  // namespace

void bind_agreement(py::module_& m) {
  bind<float>(m);
  bind<double>(m);
}

}  // namespace phasewise::bindings
