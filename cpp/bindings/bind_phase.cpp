#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phases.hpp"
#include "phasewise/mixing.hpp"
#include "phasewise/wiener.hpp"

namespace phasewise::bindings {
namespace {

// What mixing and the Wiener filter have in common; Problem is Mixing or Wiener.
template <class Problem, class T>
void set_arrays(Problem& p, const Array<std::complex<T>>& mixture, const Array<T>& magnitudes, Weighting weighting,
                const Optional<T>& weights, Array<std::complex<T>>& estimate) {
  p.magnitudes = input(magnitudes, "magnitudes", 4);
  p.batch = extent(magnitudes, 0);
  p.sources = extent(magnitudes, 1);
  p.frames = extent(magnitudes, 2);
  p.bins = extent(magnitudes, 3);
  check(p.sources > 0 && p.bins > 0, "there must be a source and a bin");
  p.mixture = input(mixture, "mixture", 3);
  check_shape(mixture, {p.batch, p.frames, p.bins}, "mixture");
  p.estimate = output(estimate, "estimate", 4);
  check_shape(estimate, {p.batch, p.sources, p.frames, p.bins}, "estimate");
  p.weighting = weighting;
  check((weighting == Weighting::given) == weights.has_value(), "weights belong to Weighting.given");
  if (weights) {
    p.weights = input(*weights, "weights", 4);
    check_shape(*weights, {p.batch, p.sources, p.frames, p.bins}, "weights");
  }
}

template <class T>
void bind_mixing(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "mixing_iterations",
      [](const Array<Complex>& mixture, const Array<T>& magnitudes, Weighting weighting, const Optional<T>& weights, bool refresh,
         T anchor, std::size_t n_iter, std::size_t n_fft, std::size_t hop, const Optional<T>& start_angles, const Optional<Complex>& start_values,
         const std::optional<Array<bool>>& onsets, const Optional<T>& onset_angles, const Optional<Complex>& onset_values,
         Array<Complex>& estimate, std::optional<Array<double>>& cost) {
        Mixing<T> p;
        set_arrays(p, mixture, magnitudes, weighting, weights, estimate);
        check(p.bins == n_fft / 2 + 1, "n_fft does not fit the bins");
        p.n_fft = n_fft;
        p.n_iter = n_iter;
        p.refresh = refresh;
        p.anchor = anchor;
        p.hop = hop;
        p.start_phase = phases<T>(start_angles, start_values, "start phase", {p.batch, p.sources, p.frames, p.bins});
        p.onset_phase = phases<T>(onset_angles, onset_values, "onset phase", {p.batch, p.sources, p.frames, p.bins});
        if (onsets) {
          p.onsets = reinterpret_cast<const unsigned char*>(input(*onsets, "onsets", 3));
          check_shape(*onsets, {p.batch, p.sources, p.frames}, "onsets");
        }
        if (cost) {
          p.cost = output(*cost, "cost", 2);
          check_shape(*cost, {p.batch, n_iter}, "cost");
        }
        const py::gil_scoped_release release;
        mixing_iterations(p, check_signals);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("weighting"),
      py::arg("weights").noconvert(), py::arg("refresh"), py::arg("anchor") = T(0), py::arg("n_iter"), py::arg("n_fft"), py::arg("hop"),
      py::arg("start_angles").noconvert() = py::none(), py::arg("start_values").noconvert() = py::none(),
      py::arg("onsets").noconvert() = py::none(), py::arg("onset_angles").noconvert() = py::none(),
      py::arg("onset_values").noconvert() = py::none(), py::arg("estimate").noconvert(), py::arg("cost").noconvert() = py::none());
}

template <class T>
void bind_wiener(py::module_& m) {
  m.def(
      "wiener",
      [](const Array<std::complex<T>>& mixture, const Array<T>& magnitudes, Weighting weighting, const Optional<T>& weights,
         Array<std::complex<T>>& estimate) {
        Wiener<T> p;
        set_arrays(p, mixture, magnitudes, weighting, weights, estimate);
        const py::gil_scoped_release release;
        wiener(p);
      },
      py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("weighting"),
      py::arg("weights").noconvert(), py::arg("estimate").noconvert());
}

template <class T>
void bind_sinusoidal(py::module_& m) {
  m.def(
      "sinusoidal_phase",
      [](const Array<T>& magnitudes, std::size_t n_fft, std::size_t hop, const std::optional<Array<bool>>& onsets,
         const Optional<T>& onset_angles, const Optional<std::complex<T>>& onset_values, Array<T>& phase) {
        SinusoidalPhase<T> p;
        p.magnitudes = input(magnitudes, "magnitudes", 3);
        p.batch = extent(magnitudes, 0);
        p.frames = extent(magnitudes, 1);
        p.bins = extent(magnitudes, 2);
        check(p.bins > 0 && p.bins == n_fft / 2 + 1, "n_fft does not fit the bins");
        p.n_fft = n_fft;
        p.hop = hop;
        if (onsets) {
          p.onsets = reinterpret_cast<const unsigned char*>(input(*onsets, "onsets", 2));
          check_shape(*onsets, {p.batch, p.frames}, "onsets");
        }
        p.onset_phase = phases<T>(onset_angles, onset_values, "onset phase", {p.batch, p.frames, p.bins});
        p.phase = output(phase, "phase", 3);
        check_shape(phase, {p.batch, p.frames, p.bins}, "phase");
        const py::gil_scoped_release release;
        sinusoidal_phase(p);
      },
      py::kw_only(), py::arg("magnitudes").noconvert(), py::arg("n_fft"), py::arg("hop"), py::arg("onsets").noconvert() = py::none(),
      py::arg("onset_angles").noconvert() = py::none(), py::arg("onset_values").noconvert() = py::none(), py::arg("phase").noconvert());
}

}  // namespace

void bind_phase(py::module_& m) {
  py::enum_<Weighting>(m, "Weighting")
      .value("equal", Weighting::equal)
      .value("magnitude", Weighting::magnitude)
      .value("wiener", Weighting::wiener)
      .value("given", Weighting::given);
  bind_mixing<float>(m);
  bind_mixing<double>(m);
  bind_wiener<float>(m);
  bind_wiener<double>(m);
  bind_sinusoidal<float>(m);
  bind_sinusoidal<double>(m);
}

}  // namespace phasewise::bindings
