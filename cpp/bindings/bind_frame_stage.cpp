#include <pybind11/stl.h>

#include "bind.hpp"
#include "frame_stage.hpp"
#include "phasewise/online_sources.hpp"
#include "phasewise/rtpghi.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
std::vector<T> vector_of(const Array<T>& array, const char* name) {
  const T* values = input(array, name, 1);
  return {values, values + extent(array, 0)};
}

template <class T>
void bind_stage(py::module_& m, const char* name) {
  using Bound = Stage<T>;
  using Plan = typename Bound::Plan;
  py::class_<Bound>(m, name)
      .def_property_readonly("received", &Bound::received)
      .def_property_readonly("latency", &Bound::latency)
      .def("settled", &Bound::settled, py::arg("frames"))
      .def_property_readonly("unsettled", &Bound::unsettled)
      .def("reset", &Bound::reset)
      .def("push", &Bound::push, py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("out").noconvert(),
           py::arg("onsets").noconvert() = py::none())
      .def("flush", &Bound::flush, py::arg("length"), py::arg("out").noconvert())
      .def("push_spectra", &Bound::push_spectra, py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(),
           py::arg("out").noconvert(), py::arg("onsets").noconvert() = py::none())
      .def("flush_spectra", &Bound::flush_spectra, py::arg("out").noconvert());
  m.def(
      "online_mixing",
      [](const std::shared_ptr<StftPlan<T>>& plan, std::size_t channels, std::size_t sources, std::size_t n_iter, Weighting weighting,
         const Array<double>& shares, bool refresh, double anchor) {
        check(plan != nullptr, "there must be a plan");
        OnlineMixingOptions<T> options;
        options.sources = sources;
        options.n_iter = n_iter;
        options.weighting = weighting;
        for (const double share : vector_of(shares, "shares")) options.shares.push_back(static_cast<T>(share));
        options.refresh = refresh;
        options.anchor = static_cast<T>(anchor);
        return std::make_unique<Bound>(plan, channels, std::make_unique<OnlineMixing<T>>(*plan, channels, options));
      },
      py::arg("plan"), py::arg("channels"), py::kw_only(), py::arg("sources"), py::arg("n_iter"), py::arg("weighting"),
      py::arg("shares").noconvert(), py::arg("refresh"), py::arg("anchor"));
  m.def(
      "online_anisotropic",
      [](const std::shared_ptr<StftPlan<T>>& plan, std::size_t channels, const Array<double>& concentrations) {
        check(plan != nullptr, "there must be a plan");
        return std::make_unique<Bound>(plan, channels, std::make_unique<OnlineAnisotropic<T>>(*plan, channels, vector_of(concentrations, "concentrations")));
      },
      py::arg("plan"), py::arg("channels"), py::kw_only(), py::arg("concentrations").noconvert());
  m.def(
      "rtpghi",
      [](const std::shared_ptr<StftPlan<T>>& plan, const Array<std::uint64_t>& seeds, double centre, double width, bool lookahead,
         double tolerance) {
        check(plan != nullptr, "there must be a plan");
        const RealTimeIntegrationOptions options{centre, width, lookahead, tolerance};
        const auto each = vector_of(seeds, "seeds");
        return std::make_unique<Bound>(plan, each.size(), std::make_unique<RealTimeIntegration<T>>(*plan, each, options));
      },
      py::arg("plan"), py::kw_only(), py::arg("seeds").noconvert(), py::arg("centre"), py::arg("width"), py::arg("lookahead"), py::arg("tolerance"));
}

}  // namespace

void bind_frame_stage(py::module_& m) {
  bind_stage<float>(m, "FrameStage32");
  bind_stage<double>(m, "FrameStage64");
}

}  // namespace phasewise::bindings
