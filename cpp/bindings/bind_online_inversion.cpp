#include <pybind11/stl.h>

#include "bind.hpp"
#include "frame_stage.hpp"
#include "phasewise/online_inversion.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_stage(py::module_& m) {
  m.def(
      "online_inversion",
      [](const std::shared_ptr<StftPlan<T>>& plan, std::size_t channels, std::size_t sources, std::size_t lookahead, std::size_t n_iter,
         bool mixed, Update update, bool magnitude_last, double alpha, double beta, double gamma, double sigma, double momentum,
         double exponent, const std::vector<double>& shares, OnlineStart start) {
        check(plan != nullptr, "there must be a plan");
        OnlineInversionOptions<T> options;
        options.sources = sources;
        options.lookahead = lookahead;
        options.n_iter = n_iter;
        options.mixed = mixed;
        options.update = update;
        options.magnitude_last = magnitude_last;
        options.alpha = static_cast<T>(alpha);
        options.beta = static_cast<T>(beta);
        options.gamma = static_cast<T>(gamma);
        options.sigma = static_cast<T>(sigma);
        options.momentum = static_cast<T>(momentum);
        options.exponent = static_cast<T>(exponent);
        options.shares.assign(shares.begin(), shares.end());
        options.start = start;
        return std::make_unique<Stage<T>>(plan, channels, std::make_unique<OnlineInversion<T>>(plan, channels, options));
      },
      py::arg("plan"), py::arg("channels"), py::kw_only(), py::arg("sources"), py::arg("lookahead"), py::arg("n_iter"),
      py::arg("mixed") = true, py::arg("update"), py::arg("magnitude_last") = false, py::arg("alpha") = 0.0, py::arg("beta") = 0.0,
      py::arg("gamma") = 0.0, py::arg("sigma") = 0.0, py::arg("momentum") = 0.0, py::arg("exponent") = 0.0,
      py::arg("shares") = std::vector<double>(), py::arg("start"));
}

}  // namespace

void bind_online_inversion(py::module_& m) {
  py::enum_<OnlineStart>(m, "OnlineStart")
      .value("mixture", OnlineStart::mixture)
      .value("wiener", OnlineStart::wiener)
      .value("sinusoidal", OnlineStart::sinusoidal)
      .value("overlap", OnlineStart::overlap);
  bind_stage<float>(m);
  bind_stage<double>(m);
}

}  // namespace phasewise::bindings
