#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/multichannel.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_wiener(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "multichannel_wiener",
      [](const Array<Complex>& mixture, Array<Complex>& estimate, double noise, bool posterior, int n_iter, Optional<double>& cost) {
        MultichannelWiener<T> p;
        p.estimate = output(estimate, "estimate", 5);
        p.batch = extent(estimate, 0);
        p.channels = extent(estimate, 1);
        p.sources = extent(estimate, 2);
        p.frames = extent(estimate, 3);
        p.bins = extent(estimate, 4);
        check(p.channels > 0 && p.sources > 0 && p.frames > 0, "there is no channel, source or frame");
        p.mixture = input(mixture, "mixture", 4);
        check_shape(mixture, {p.batch, p.channels, p.frames, p.bins}, "mixture");
        check(n_iter >= 0, "n_iter must not be negative");
        if (cost) {
          p.cost = output(*cost, "cost", 2);
          check_shape(*cost, {p.batch, static_cast<std::size_t>(n_iter)}, "cost");
        }
        p.noise = noise;
        p.posterior = posterior;
        p.n_iter = n_iter;
        const py::gil_scoped_release release;
        multichannel_wiener(p, check_signals);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("estimate").noconvert(), py::arg("noise"), py::arg("posterior"),
      py::arg("n_iter"), py::arg("cost").noconvert() = py::none());
}

}  // namespace

void bind_multichannel(py::module_& m) {
  bind_wiener<float>(m);
  bind_wiener<double>(m);
}

}  // namespace phasewise::bindings
