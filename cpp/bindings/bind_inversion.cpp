#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/inversion.hpp"

namespace phasewise::bindings {
namespace {

template <class T>
void bind_rule(py::module_& m, const char* name) {
  py::class_<BregmanRule<T>>(m, name).def(
      py::init([](T beta, bool squares, bool left, T floor, T step) { return BregmanRule<T>{beta, squares, left, floor, step}; }),
      py::kw_only(), py::arg("beta"), py::arg("squares"), py::arg("left"), py::arg("floor"), py::arg("step"));
}

template <class T>
void bind_invert(py::module_& m) {
  using Complex = std::complex<T>;
  m.def(
      "invert",
      [](const StftPlan<T>& plan, const Optional<Complex>& mixture, const Array<T>& magnitudes, const Optional<T>& weights,
         std::optional<T> exponent, bool refresh_weights, Update update, bool mix_first, bool from_mixture, bool signals_only, T alpha, T beta,
         T gamma, T sigma, T momentum, const std::optional<BregmanRule<T>>& rule, int n_iter, std::size_t length, Array<Complex>& estimate,
         Optional<T>& previous, bool resume, Optional<Complex>& iterate, Optional<T>& signal, Optional<double>& cost) {
        Inversion<T> p;
        p.plan = &plan;
        p.magnitudes = input(magnitudes, "magnitudes", 4);
        p.batch = extent(magnitudes, 0);
        p.sources = extent(magnitudes, 1);
        p.frames = extent(magnitudes, 2);
        p.length = length;
        check_shape(magnitudes, {p.batch, p.sources, p.frames, plan.bins()}, "magnitudes");
        p.estimate = output(estimate, "estimate", 4);
        check_shape(estimate, {p.batch, p.sources, p.frames, plan.bins()}, "estimate");
        if (mixture) {
          p.mixture = input(*mixture, "mixture", 3);
          check_shape(*mixture, {p.batch, p.frames, plan.bins()}, "mixture");
        }
        if (weights) {
          p.weights = input(*weights, "weights", 4);
          check_shape(*weights, {p.batch, p.sources, p.frames, plan.bins()}, "weights");
          p.sharing = Sharing::given;
        } else if (exponent) {
          p.sharing = Sharing::power;
          p.exponent = *exponent;
        }
        if (previous) {
          p.previous = output(*previous, "previous", 3);
          check_shape(*previous, {p.batch, p.sources, length}, "previous");
        }
        if (iterate) {
          p.iterate = output(*iterate, "iterate", 4);
          check_shape(*iterate, {p.batch, p.sources, p.frames, plan.bins()}, "iterate");
        }
        if (signal) {
          p.signal = output(*signal, "signal", 3);
          check_shape(*signal, {p.batch, p.sources, length}, "signal");
        }
        if (cost) {
          p.cost = output(*cost, "cost", 2);
          check_shape(*cost, {p.batch, static_cast<std::size_t>(n_iter)}, "cost");
        }
        check(n_iter >= 0, "n_iter must not be negative");
        p.refresh_weights = refresh_weights;
        p.update = update;
        p.mix_first = mix_first;
        p.from_mixture = from_mixture;
        p.signals_only = signals_only;
        p.resume = resume;
        p.alpha = alpha;
        p.beta = beta;
        p.gamma = gamma;
        p.sigma = sigma;
        p.momentum = momentum;
        if (rule) p.rule = *rule;
        p.n_iter = n_iter;
        const py::gil_scoped_release release;
        invert(p, check_signals);
      },
      py::arg("plan"), py::kw_only(), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("weights").noconvert() = py::none(),
      py::arg("exponent") = py::none(), py::arg("refresh_weights") = false, py::arg("update"), py::arg("mix_first") = false,
      py::arg("from_mixture") = false, py::arg("signals_only") = false,
      py::arg("alpha") = T(0), py::arg("beta") = T(0), py::arg("gamma") = T(0), py::arg("sigma") = T(0), py::arg("momentum") = T(0),
      py::arg("rule") = py::none(), py::arg("n_iter"), py::arg("length"), py::arg("estimate").noconvert(),
      py::arg("previous").noconvert() = py::none(), py::arg("resume") = false, py::arg("iterate").noconvert() = py::none(), py::arg("signal").noconvert() = py::none(),
      py::arg("cost").noconvert() = py::none());
}

}  // namespace

void bind_inversion(py::module_& m) {
  py::enum_<Update>(m, "Update")
      .value("griffin_lim", Update::griffin_lim)
      .value("misi", Update::misi)
      .value("mix_incons", Update::mix_incons)
      .value("mix_incons_hard_mag", Update::mix_incons_hard_mag)
      .value("incons_hard_mix", Update::incons_hard_mix)
      .value("mag_incons_hard_mix", Update::mag_incons_hard_mix)
      .value("reflection", Update::reflection)
      .value("bregman", Update::bregman)
      .value("bregman_reflection", Update::bregman_reflection);
  bind_rule<float>(m, "BregmanRule32");
  bind_rule<double>(m, "BregmanRule64");
  bind_invert<float>(m);
  bind_invert<double>(m);
}

}  // namespace phasewise::bindings
