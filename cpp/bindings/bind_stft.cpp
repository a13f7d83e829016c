#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/stft.hpp"

namespace phasewise::bindings {
namespace {

// Number of elements of an output that must hold `count` of them in C order, whatever its axes.
template <class A>
void check_size(const A& array, std::size_t count, const char* name) {
  if (static_cast<std::size_t>(array.size()) != count) throw std::invalid_argument(std::string(name) + " does not have the size of the result");
}

// Signals on the last axis of an array of any layout.
template <class T>
class SignalArray {
 public:
  explicit SignalArray(const Strided<T>& array) : layout_(array, "signal", 1), samples_(extent(array, array.ndim() - 1)) {}
  Signals<typename Layout<T>::Scalar> view() const { return {layout_.data(), layout_.batch(), samples_, layout_.stride(0), layout_.offsets()}; }

 private:
  Layout<T> layout_;
  std::size_t samples_;
};

// Spectrograms on the last two axes, (bins, frames), of an array of any layout.
template <class T>
class SpectrumArray {
 public:
  SpectrumArray(const Strided<std::complex<T>>& array, std::size_t bins)
      : layout_(array, "spectrum", 2), frames_(extent(array, array.ndim() - 1)), bins_(bins) {
    check(extent(array, array.ndim() - 2) == bins, "spectrum does not have the bins of the plan");
  }
  Spectra<T> view() const { return {layout_.data(), layout_.batch(), frames_, bins_, layout_.stride(0), layout_.stride(1), layout_.offsets()}; }

 private:
  Layout<std::complex<T>> layout_;
  std::size_t frames_, bins_;
};

template <class T>
void bind_filter_bank(py::module_& m, const char* name) {
  py::class_<FilterBank<T>>(m, name)
      .def(py::init([](const Array<T>& weights) {
             return std::make_unique<FilterBank<T>>(input(weights, "weights", 2), extent(weights, 0), extent(weights, 1));
           }),
           py::arg("weights").noconvert())
      .def_property_readonly("count", &FilterBank<T>::count);
}

template <class T>
void bind_plan(py::module_& m, const char* name) {
  using Plan = StftPlan<T>;
  using Complex = std::complex<T>;
  py::class_<Plan, std::shared_ptr<Plan>>(m, name)
      .def(py::init([](const Array<double>& window, std::size_t hop, Padding padding) {
             return std::make_shared<Plan>(input(window, "window", 1), extent(window, 0), hop, padding);
           }),
           py::arg("window").noconvert(), py::arg("hop"), py::arg("padding"))
      .def("frames", &Plan::frames, py::arg("samples"))
      .def("samples", &Plan::samples, py::arg("frames"))
      .def("analyze",
           [](const Plan& plan, const Strided<T>& signal, Array<Complex>& out) {
             const SignalArray<T> signals(signal);
             check_size(out, signals.view().batch * plan.frames(signals.view().samples) * plan.bins(), "out");
             T* y = output(out, "out", out.ndim());
             const py::gil_scoped_release release;
             return plan.analyze(signals.view(), y);
           },
           py::arg("signal").noconvert(), py::arg("out").noconvert())
      .def("analyze_features",
           [](const Plan& plan, const Strided<T>& signal, T exponent, const FilterBank<T>* filters, T floor, Array<T>& out) {
             const SignalArray<T> signals(signal);
             const Features<T> features{exponent, filters, floor};
             check(filters == nullptr || filters->bins() == plan.bins(), "filters do not have the bins of the plan");
             check_size(out, signals.view().batch * plan.frames(signals.view().samples) * features.width(plan.bins()), "out");
             T* y = output(out, "out", out.ndim());
             const py::gil_scoped_release release;
             return plan.analyze_features(signals.view(), features, y);
           },
           py::arg("signal").noconvert(), py::arg("exponent"), py::arg("filters").none(true), py::arg("floor"), py::arg("out").noconvert())
      .def("analyze_two_sided",
           [](const Plan& plan, const Strided<Complex>& signal, Array<Complex>& out) {
             const SignalArray<Complex> signals(signal);
             check_size(out, signals.view().batch * plan.frames(signals.view().samples) * plan.n_fft(), "out");
             T* y = output(out, "out", out.ndim());
             const py::gil_scoped_release release;
             return plan.analyze_two_sided(signals.view(), y);
           },
           py::arg("signal").noconvert(), py::arg("out").noconvert())
      .def("synthesize",
           [](const Plan& plan, const Strided<Complex>& spectrum, Array<T>& out) {
             const SpectrumArray<T> spectra(spectrum, plan.bins());
             const std::size_t length = extent(out, out.ndim() - 1);
             check_size(out, spectra.view().batch * length, "out");
             T* y = output(out, "out", out.ndim());
             const py::gil_scoped_release release;
             return plan.synthesize(spectra.view(), length, y);
           },
           py::arg("spectrum").noconvert(), py::arg("out").noconvert())
      .def("synthesize_two_sided",
           [](const Plan& plan, const Strided<Complex>& spectrum, Array<Complex>& out) {
             const SpectrumArray<T> spectra(spectrum, plan.n_fft());
             const std::size_t length = extent(out, out.ndim() - 1);
             check_size(out, spectra.view().batch * length, "out");
             T* y = output(out, "out", out.ndim());
             const py::gil_scoped_release release;
             return plan.synthesize_two_sided(spectra.view(), length, y);
           },
           py::arg("spectrum").noconvert(), py::arg("out").noconvert())
      .def("project",
           [](const Plan& plan, const Strided<Complex>& spectrum, std::size_t length, Array<Complex>& out) {
             const SpectrumArray<T> spectra(spectrum, plan.bins());
             check(plan.frames(length) == spectra.view().frames, "length does not make the frames of spectrum");
             check_size(out, spectra.view().batch * spectra.view().frames * plan.bins(), "out");
             T* y = output(out, "out", out.ndim());
             check(spectra.view().data != y, "out must be another array than spectrum");
             const py::gil_scoped_release release;
             return plan.project(spectra.view(), length, y);
           },
           py::arg("spectrum").noconvert(), py::arg("length"), py::arg("out").noconvert())
      .def("analyze_adjoint",
           [](const Plan& plan, const Array<Complex>& spectrum, Array<T>& out) {
             const T* x = input(spectrum, "spectrum", 3);
             T* y = output(out, "out", 2);
             const std::size_t batch = extent(spectrum, 0), samples = extent(out, 1);
             check_shape(spectrum, {batch, plan.frames(samples), plan.bins()}, "spectrum");
             check_shape(out, {batch, samples}, "out");
             const py::gil_scoped_release release;
             plan.analyze_adjoint(x, batch, samples, y);
           },
           py::arg("spectrum").noconvert(), py::arg("out").noconvert())
      .def("synthesize_adjoint",
           [](const Plan& plan, const Array<T>& signal, Array<Complex>& out) {
             const T* x = input(signal, "signal", 2);
             T* y = output(out, "out", 3);
             const std::size_t batch = extent(signal, 0), length = extent(signal, 1), frames = extent(out, 1);
             check_shape(out, {batch, frames, plan.bins()}, "out");
             const py::gil_scoped_release release;
             plan.synthesize_adjoint(x, batch, frames, length, y);
           },
           py::arg("signal").noconvert(), py::arg("out").noconvert());
}

}  // namespace

void bind_stft(py::module_& m) {
  py::enum_<Padding>(m, "Padding")
      .value("none", Padding::none)
      .value("zeros", Padding::zeros)
      .value("reflect", Padding::reflect)
      .value("edge", Padding::edge);
  bind_filter_bank<float>(m, "FilterBank32");
  bind_filter_bank<double>(m, "FilterBank64");
  bind_plan<float>(m, "StftPlan32");
  bind_plan<double>(m, "StftPlan64");
}

}  // namespace phasewise::bindings
