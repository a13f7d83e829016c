#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/stft.hpp"

namespace phasewise::bindings {
namespace {

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
           [](const Plan& plan, const Array<T>& signal, Array<Complex>& out) {
             const T* x = input(signal, "signal", 2);
             T* y = output(out, "out", 3);
             const std::size_t batch = extent(signal, 0), samples = extent(signal, 1);
             check_shape(out, {batch, plan.frames(samples), plan.bins()}, "out");
             const py::gil_scoped_release release;
             plan.analyze(x, batch, samples, y);
           },
           py::arg("signal").noconvert(), py::arg("out").noconvert())
      .def("analyze_magnitude",
           [](const Plan& plan, const Array<T>& signal, bool power, Array<T>& out) {
             const T* x = input(signal, "signal", 2);
             T* y = output(out, "out", 3);
             const std::size_t batch = extent(signal, 0), samples = extent(signal, 1);
             check_shape(out, {batch, plan.frames(samples), plan.bins()}, "out");
             const py::gil_scoped_release release;
             plan.analyze_magnitude(x, batch, samples, power, y);
           },
           py::arg("signal").noconvert(), py::arg("power"), py::arg("out").noconvert())
      .def("synthesize",
           [](const Plan& plan, const Array<Complex>& spectrum, Array<T>& out) {
             const T* x = input(spectrum, "spectrum", 3);
             T* y = output(out, "out", 2);
             const std::size_t batch = extent(spectrum, 0), frames = extent(spectrum, 1), length = extent(out, 1);
             check_shape(spectrum, {batch, frames, plan.bins()}, "spectrum");
             check_shape(out, {batch, length}, "out");
             const py::gil_scoped_release release;
             plan.synthesize(x, batch, frames, length, y);
           },
           py::arg("spectrum").noconvert(), py::arg("out").noconvert())
      .def("project",
           [](const Plan& plan, const Array<Complex>& spectrum, std::size_t length, Array<Complex>& out) {
             const T* x = input(spectrum, "spectrum", 3);
             T* y = output(out, "out", 3);
             const std::size_t batch = extent(spectrum, 0), frames = extent(spectrum, 1);
             check_shape(spectrum, {batch, plan.frames(length), plan.bins()}, "spectrum");
             check_shape(out, {batch, frames, plan.bins()}, "out");
             check(x != y, "out must be another array than spectrum");
             const py::gil_scoped_release release;
             plan.project(x, batch, frames, length, y);
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
  bind_plan<float>(m, "StftPlan32");
  bind_plan<double>(m, "StftPlan64");
}

}  // namespace phasewise::bindings
