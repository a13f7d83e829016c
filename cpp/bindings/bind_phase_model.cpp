#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/phase_model.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_model(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "phase_model",
      [](const Array<Complex>& mixture, Array<T>& levels, Array<Complex>& phasors, const Array<Complex>& turns, double coupling,
         const Optional<double>& concentrations, bool posterior, bool free_levels, Optional<T>& w, Optional<T>& h, bool update_w, int n_iter,
         Array<Complex>& estimate, Optional<double>& cost) {
        PhaseModel<T> p;
        p.levels = output(levels, "levels", 4);
        p.batch = extent(levels, 0);
        p.sources = extent(levels, 1);
        p.frames = extent(levels, 2);
        p.bins = extent(levels, 3);
        const auto shape = {p.batch, p.sources, p.frames, p.bins};
        p.mixture = input(mixture, "mixture", 3);
        check_shape(mixture, {p.batch, p.frames, p.bins}, "mixture");
        p.phasors = output(phasors, "phasors", 4);
        check_shape(phasors, shape, "phasors");
        p.turns = input(turns, "turns", 4);
        check_shape(turns, shape, "turns");
        p.estimate = output(estimate, "estimate", 4);
        check_shape(estimate, shape, "estimate");
        p.coupling = coupling;
        p.euclidean = !concentrations.has_value();
        if (concentrations) {
          p.concentrations = input(*concentrations, "concentrations", 1);
          check_shape(*concentrations, {p.sources}, "concentrations");
        }
        check(posterior || !free_levels, "free levels are learned from the posterior");
        p.posterior = posterior;
        p.free_levels = free_levels;
        check(w.has_value() == h.has_value(), "w and h come together");
        check(!w || !free_levels, "levels are free or products");
        if (w) {
          p.w = output(*w, "w", 4);
          p.rank = extent(*w, 3);
          check_shape(*w, {p.batch, p.sources, p.bins, p.rank}, "w");
          p.h = output(*h, "h", 4);
          check_shape(*h, {p.batch, p.sources, p.frames, p.rank}, "h");
        }
        p.update_w = update_w;
        check(n_iter >= 0, "n_iter must not be negative");
        p.n_iter = n_iter;
        if (cost) {
          p.cost = output(*cost, "cost", 2);
          check_shape(*cost, {p.batch, static_cast<std::size_t>(n_iter)}, "cost");
        }
        const py::gil_scoped_release release;
        phase_model(p, check_signals);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("levels").noconvert(), py::arg("phasors").noconvert(),
      py::arg("turns").noconvert(), py::arg("coupling"), py::arg("concentrations").noconvert() = py::none(), py::arg("posterior") = false,
      py::arg("free_levels") = false, py::arg("w").noconvert() = py::none(), py::arg("h").noconvert() = py::none(),
      py::arg("update_w") = false, py::arg("n_iter"), py::arg("estimate").noconvert(), py::arg("cost").noconvert() = py::none());
}

}  // namespace

void bind_phase_model(py::module_& m) {
  bind_model<float>(m);
  bind_model<double>(m);
}

}  // namespace phasewise::bindings
