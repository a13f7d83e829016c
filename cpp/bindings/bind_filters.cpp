#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phases.hpp"
#include "phasewise/anisotropic.hpp"
#include "phasewise/consistent.hpp"
#include "phasewise/von_mises.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_anisotropic(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "anisotropic_wiener",
      [](const Array<Complex>& mixture, const Array<T>& magnitudes, const Array<double>& concentrations, std::size_t n_fft, std::size_t hop,
         const Optional<T>& start_angles, const Optional<Complex>& start_values, const std::optional<Array<bool>>& onsets,
         const Optional<T>& onset_angles, const Optional<Complex>& onset_values, Array<Complex>& estimate, Optional<Complex>& prior,
         Optional<T>& variance, Optional<Complex>& relation) {
        AnisotropicWiener<T> p;
        p.magnitudes = input(magnitudes, "magnitudes", 4);
        p.batch = extent(magnitudes, 0);
        p.sources = extent(magnitudes, 1);
        p.frames = extent(magnitudes, 2);
        p.bins = extent(magnitudes, 3);
        const auto shape = {p.batch, p.sources, p.frames, p.bins};
        check(p.sources > 0 && p.bins > 0 && p.bins == n_fft / 2 + 1, "n_fft does not fit the bins, or there is no source");
        p.mixture = input(mixture, "mixture", 3);
        check_shape(mixture, {p.batch, p.frames, p.bins}, "mixture");
        p.concentrations = input(concentrations, "concentrations", 1);
        check_shape(concentrations, {p.sources}, "concentrations");
        p.n_fft = n_fft;
        p.hop = hop;
        p.start_phase = phases<T>(start_angles, start_values, "start phase", shape);
        p.onset_phase = phases<T>(onset_angles, onset_values, "onset phase", shape);
        if (onsets) {
          p.onsets = reinterpret_cast<const unsigned char*>(input(*onsets, "onsets", 3));
          check_shape(*onsets, {p.batch, p.sources, p.frames}, "onsets");
        }
        p.estimate = output(estimate, "estimate", 4);
        check_shape(estimate, shape, "estimate");
        if (prior) {
          p.prior = output(*prior, "prior", 4);
          check_shape(*prior, shape, "prior");
        }
        check(variance.has_value() == relation.has_value(), "variance and relation come together");
        if (variance) {
          p.variance = output(*variance, "variance", 4);
          check_shape(*variance, shape, "variance");
          p.relation = output(*relation, "relation", 4);
          check_shape(*relation, shape, "relation");
        }
        const py::gil_scoped_release release;
        anisotropic_wiener(p, check_signals);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("concentrations").noconvert(),
      py::arg("n_fft"), py::arg("hop"), py::arg("start_angles").noconvert() = py::none(),
      py::arg("start_values").noconvert() = py::none(), py::arg("onsets").noconvert() = py::none(),
      py::arg("onset_angles").noconvert() = py::none(), py::arg("onset_values").noconvert() = py::none(),
      py::arg("estimate").noconvert(), py::arg("prior").noconvert() = py::none(), py::arg("variance").noconvert() = py::none(),
      py::arg("relation").noconvert() = py::none());
}

template <class T>
void bind_consistent(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "consistent_wiener",
      [](const StftPlan<T>& plan, const Array<T>& magnitudes, const Array<double>& concentrations, const Optional<Complex>& prior, T weight,
         bool majorise, int n_iter, double tolerance, std::size_t length, Array<Complex>& estimate, Optional<double>& cost) {
        ConsistentWiener<T> p;
        p.plan = &plan;
        p.magnitudes = input(magnitudes, "magnitudes", 4);
        p.batch = extent(magnitudes, 0);
        p.sources = extent(magnitudes, 1);
        p.frames = extent(magnitudes, 2);
        const auto shape = {p.batch, p.sources, p.frames, plan.bins()};
        check_shape(magnitudes, shape, "magnitudes");
        p.length = length;
        p.concentrations = input(concentrations, "concentrations", 1);
        check_shape(concentrations, {p.sources}, "concentrations");
        if (prior) {
          p.prior = input(*prior, "prior", 4);
          check_shape(*prior, shape, "prior");
        }
        p.estimate = output(estimate, "estimate", 4);
        check_shape(estimate, shape, "estimate");
        check(n_iter >= 0, "n_iter must not be negative");
        if (cost) {
          p.cost = output(*cost, "cost", 2);
          check_shape(*cost, {p.batch, static_cast<std::size_t>(n_iter)}, "cost");
        }
        p.weight = weight;
        p.majorise = majorise;
        p.n_iter = n_iter;
        p.tolerance = tolerance;
        const py::gil_scoped_release release;
        consistent_wiener(p, check_signals);
      },
      py::arg("plan"), py::kw_only(), py::arg("magnitudes").noconvert(), py::arg("concentrations").noconvert(),
      py::arg("prior").noconvert(), py::arg("weight"), py::arg("majorise"), py::arg("n_iter"), py::arg("tolerance"), py::arg("length"),
      py::arg("estimate").noconvert(), py::arg("cost").noconvert() = py::none());
}

}  // namespace

void bind_filters(py::module_& m) {
  m.def("von_mises_concentration", &von_mises_concentration, py::arg("mean"), py::arg("largest"));
  bind_anisotropic<float>(m);
  bind_anisotropic<double>(m);
  bind_consistent<float>(m);
  bind_consistent<double>(m);
}

}  // namespace phasewise::bindings
