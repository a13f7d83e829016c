#include <pybind11/stl.h>

#include <mutex>
#include <numeric>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/source_magnitudes.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_fit(py::module_& m, const char* name) {
  using Core = Activations<T>;
  py::class_<Core>(m, name)
      .def(py::init([](const Array<T>& w, double beta, std::size_t iterations) {
             const T* data = input(w, "w", 2);
             return Core(data, extent(w, 0), extent(w, 1), beta, iterations);
           }),
           py::arg("w").noconvert(), py::arg("beta"), py::arg("iterations"))
      .def(
          "fit",
          [](const Core& core, const Array<T>& v, Array<T>& h) {
            const T* frames = input(v, "v", 2);
            T* activations = output(h, "h", 2);
            const std::size_t count = extent(v, 0);
            check(extent(v, 1) == core.freq(), "v must be (frames, freq)");
            check_shape(h, {count, core.rank()}, "h");
            const py::gil_scoped_release release;
            core.fit(frames, count, activations);
          },
          py::arg("v").noconvert(), py::arg("h").noconvert());
}

// Two threads that share a stream get a wrong order, but no broken memory.
template <class T>
struct Stream {
  SourceMagnitudes<T> core;
  std::mutex mutex;
  explicit Stream(const SourceSpectra<T>& spectra) : core(spectra) {}
};

template <class T>
void bind_stream(py::module_& m, const char* name) {
  using Guarded = Stream<T>;
  py::class_<Guarded>(m, name)
      .def(py::init([](const Array<T>& w, const Array<T>& shares, const std::vector<std::size_t>& ranks, const std::vector<std::size_t>& edges,
                       const std::vector<FrameGroup>& groups, double beta, std::size_t iterations) {
             SourceSpectra<T> spectra;
             spectra.w = input(w, "w", 2);
             spectra.shares = input(shares, "shares", 1);
             spectra.ranks = ranks;
             spectra.edges = edges;
             spectra.groups = groups;
             spectra.beta = beta;
             spectra.iterations = iterations;
             spectra.bins = edges.empty() ? 0 : edges.back();
             std::size_t rows = edges.empty() ? 0 : edges.size() - 1;
             for (const FrameGroup& group : groups) rows += group.edges.empty() ? 0 : group.edges.size() - 1;
             check_shape(w, {rows, std::accumulate(ranks.begin(), ranks.end(), std::size_t{0})}, "w");
             check_shape(shares, {extent(w, 1)}, "shares");
             return std::make_unique<Guarded>(spectra);
           }),
           py::arg("w").noconvert(), py::arg("shares").noconvert(), py::arg("ranks"), py::arg("edges"), py::arg("groups"), py::arg("beta"),
           py::arg("iterations"))
      .def_property_readonly("latency", [](const Guarded& s) { return s.core.latency(); })
      .def(
          "frames",
          [](Guarded& s, std::size_t frames) {
            const std::lock_guard<std::mutex> lock(s.mutex);
            return s.core.frames(frames);
          },
          py::arg("frames"))
      .def_property_readonly("flush_frames",
                             [](Guarded& s) {
                               const std::lock_guard<std::mutex> lock(s.mutex);
                               return s.core.flush_frames();
                             })
      .def_property_readonly("received",
                             [](Guarded& s) {
                               const std::lock_guard<std::mutex> lock(s.mutex);
                               return s.core.received();
                             })
      .def(
          "push",
          [](Guarded& s, const Array<T>& v, Array<T>& out) {
            const T* frames = input(v, "v", 2);
            T* magnitudes = output(out, "out", 3);
            const std::size_t count = extent(v, 0);
            check(extent(v, 1) == s.core.bins(), "v must be (frames, bins)");
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check_shape(out, {s.core.sources(), s.core.frames(count), s.core.bins()}, "out");
            s.core.push(frames, count, magnitudes);
          },
          py::arg("v").noconvert(), py::arg("out").noconvert())
      .def(
          "flush",
          [](Guarded& s, Array<T>& out) {
            T* magnitudes = output(out, "out", 3);
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check_shape(out, {s.core.sources(), s.core.flush_frames(), s.core.bins()}, "out");
            s.core.flush(magnitudes);
          },
          py::arg("out").noconvert())
      .def("reset", [](Guarded& s) {
        const std::lock_guard<std::mutex> lock(s.mutex);
        s.core.reset();
      });
}

}  // namespace

void bind_activations(py::module_& m) {
  py::class_<FrameGroup>(m, "FrameGroup")
      .def(py::init([](std::ptrdiff_t first, std::ptrdiff_t last, double weight, const std::vector<std::size_t>& edges) {
             return FrameGroup{first, last, weight, edges};
           }),
           py::arg("first"), py::arg("last"), py::arg("weight"), py::arg("edges"));
  bind_fit<float>(m, "Activations32");
  bind_fit<double>(m, "Activations64");
  bind_stream<float>(m, "SourceMagnitudes32");
  bind_stream<double>(m, "SourceMagnitudes64");
}

}  // namespace phasewise::bindings
