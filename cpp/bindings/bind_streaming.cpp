#include <memory>
#include <mutex>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/streaming.hpp"

namespace phasewise::bindings {
namespace {

// An array (channels, ...) of which only the channels must be contiguous.
template <class T>
using ChannelArray = py::array_t<T, 0>;

template <class T>
void check_channels(const ChannelArray<T>& array, std::size_t channels, const char* name, py::ssize_t ndim) {
  if (array.ndim() != ndim || extent(array, 0) != channels)
    throw std::invalid_argument(std::string(name) + " must have " + std::to_string(ndim) + " axes, the first of " +
                                std::to_string(channels));
  if (array.size() == 0) return;  // any strides
  py::ssize_t stride = array.itemsize();
  for (py::ssize_t axis = ndim - 1; axis > 0; --axis) {
    check(array.shape(axis) <= 1 || array.strides(axis) == stride, "the channels of an array must be contiguous");
    stride *= array.shape(axis);
  }
}

// One pointer per channel, complex numbers as interleaved real scalars.
template <class Scalar, class T, class Byte>
std::vector<Scalar*> pointers(const ChannelArray<T>& array, Byte* data, const char* name) {
  std::vector<Scalar*> result(extent(array, 0));
  for (std::size_t c = 0; c < result.size(); ++c) {
    result[c] = reinterpret_cast<Scalar*>(data + static_cast<py::ssize_t>(c) * array.strides(0));
    if (reinterpret_cast<std::uintptr_t>(result[c]) % alignof(Scalar) != 0)
      throw std::invalid_argument(std::string(name) + " is not aligned to its element size");
  }
  return result;
}
template <class Scalar, class T>
std::vector<const Scalar*> inputs(const ChannelArray<T>& array, std::size_t channels, const char* name, py::ssize_t ndim) {
  check_channels(array, channels, name, ndim);
  return pointers<const Scalar>(array, reinterpret_cast<const char*>(array.data()), name);
}
template <class Scalar, class T>
std::vector<Scalar*> outputs(ChannelArray<T>& array, std::size_t channels, const char* name, py::ssize_t ndim) {
  check_channels(array, channels, name, ndim);
  return pointers<Scalar>(array, reinterpret_cast<char*>(array.mutable_data()), name);  // throws for read-only arrays
}

// Two threads that share a stream get a wrong order, but no broken memory.
template <class Core>
struct Guarded {
  Core core;
  std::mutex mutex;
  template <class Plan>
  Guarded(std::shared_ptr<Plan> plan, std::size_t channels) : core(std::move(plan), channels) {}

  template <class Question>
  std::size_t ask(Question&& question) {
    const std::lock_guard<std::mutex> lock(mutex);
    return question(core);
  }
};

template <class Core, class Plan>
py::class_<Guarded<Core>> bind_stream(py::module_& m, const char* name) {
  using Stream = Guarded<Core>;
  return py::class_<Stream>(m, name)
      .def(py::init<std::shared_ptr<Plan>, std::size_t>(), py::arg("plan"), py::arg("channels"))
      .def_property_readonly("latency", [](Stream& s) { return s.ask([](const Core& core) { return core.latency(); }); })
      .def_property_readonly("received", [](Stream& s) { return s.ask([](const Core& core) { return core.received(); }); })
      .def("reset", [](Stream& s) {
        const std::lock_guard<std::mutex> lock(s.mutex);
        s.core.reset();
      });
}

template <class T>
void bind_analysis(py::module_& m, const char* name) {
  using Core = StreamingStft<T>;
  using Stream = Guarded<Core>;
  using Complex = std::complex<T>;
  bind_stream<Core, StftPlan<T>>(m, name)
      .def(
          "frames", [](Stream& s, std::size_t samples) { return s.ask([&](const Core& core) { return core.frames(samples); }); },
          py::arg("samples"))
      .def_property_readonly("flush_frames", [](Stream& s) { return s.ask([](const Core& core) { return core.flush_frames(); }); })
      .def(
          "push",
          [](Stream& s, const ChannelArray<T>& block, ChannelArray<Complex>& out) {
            const auto x = inputs<T>(block, s.core.channels(), "block", 2);
            const auto y = outputs<T>(out, s.core.channels(), "out", 3);
            const std::size_t samples = extent(block, 1);
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check_shape(out, {x.size(), s.core.frames(samples), s.core.plan().bins()}, "out");
            s.core.push(x.data(), samples, y.data());
          },
          py::arg("block").noconvert(), py::arg("out").noconvert())
      .def(
          "flush",
          [](Stream& s, ChannelArray<Complex>& out) {
            const auto y = outputs<T>(out, s.core.channels(), "out", 3);
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check_shape(out, {y.size(), s.core.flush_frames(), s.core.plan().bins()}, "out");
            s.core.flush(y.data());
          },
          py::arg("out").noconvert());
}

template <class T>
void bind_synthesis(py::module_& m, const char* name) {
  using Core = StreamingIstft<T>;
  using Stream = Guarded<Core>;
  using Complex = std::complex<T>;
  bind_stream<Core, StftPlan<T>>(m, name)
      .def(
          "samples", [](Stream& s, std::size_t frames) { return s.ask([&](const Core& core) { return core.samples(frames); }); },
          py::arg("frames"))
      .def_property_readonly("returned", [](Stream& s) { return s.ask([](const Core& core) { return core.returned(); }); })
      .def(
          "push",
          [](Stream& s, const ChannelArray<Complex>& spectrum, ChannelArray<T>& out) {
            const auto x = inputs<T>(spectrum, s.core.channels(), "spectrum", 3);
            const auto y = outputs<T>(out, s.core.channels(), "out", 2);
            const std::size_t frames = extent(spectrum, 1);
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check_shape(spectrum, {x.size(), frames, s.core.plan().bins()}, "spectrum");
            check_shape(out, {y.size(), s.core.samples(frames)}, "out");
            s.core.push(x.data(), frames, y.data());
          },
          py::arg("spectrum").noconvert(), py::arg("out").noconvert())
      .def(
          "flush",
          [](Stream& s, std::size_t length, ChannelArray<T>& out) {
            const auto y = outputs<T>(out, s.core.channels(), "out", 2);
            const py::gil_scoped_release release;
            const std::lock_guard<std::mutex> lock(s.mutex);
            check(length >= s.core.returned(), "length is less than what was returned");
            check_shape(out, {y.size(), length - s.core.returned()}, "out");
            s.core.flush(length, y.data());
          },
          py::arg("length"), py::arg("out").noconvert());
}

}  // namespace

void bind_streaming(py::module_& m) {
  bind_analysis<float>(m, "StreamingStft32");
  bind_analysis<double>(m, "StreamingStft64");
  bind_synthesis<float>(m, "StreamingIstft32");
  bind_synthesis<double>(m, "StreamingIstft64");
}

}  // namespace phasewise::bindings
