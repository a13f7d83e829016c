#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/nmf.hpp"

namespace phasewise::bindings {
namespace {

using Callback = std::optional<std::function<bool(double)>>;

// The caller's callback, and a look at Ctrl-C.
bool report(const Callback& callback, double fraction) {
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return !callback || (*callback)(fraction);
}

// The arrays that every call has, checked against each other.
template <class T>
NmfBatch<T> batch_of(const Array<T>& v, Array<T>& w, Array<T>& h) {
  NmfBatch<T> problem{};
  problem.v = input(v, "v", 3);
  problem.w = output(w, "w", 3);
  problem.h = output(h, "h", 3);
  problem.batch = extent(v, 0);
  problem.frames = extent(v, 1);
  problem.freq = extent(v, 2);
  problem.rank = extent(w, 2);
  check(problem.frames > 0 && problem.freq > 0 && problem.rank > 0, "v and w must not be empty");
  check(extent(w, 0) == problem.batch && extent(w, 1) == problem.freq, "w must be (batch, freq, rank)");
  check(extent(h, 0) == problem.batch && extent(h, 1) == problem.frames && extent(h, 2) == problem.rank, "h must be (batch, frames, rank)");
  return problem;
}

template <class T>
bool factorize(const Array<T>& v, Array<T>& w, Array<T>& h, const Optional<T>& weights,
               const std::optional<Array<bool>>& fixed, const std::optional<Array<std::uint32_t>>& groups, Array<double>& costs, Array<std::uint64_t>& done, const NmfOptions& options,
               bool want_costs, const Callback& callback) {
  NmfBatch<T> problem = batch_of(v, w, h);
  double* cost = output(costs, "costs", 2);
  std::uint64_t* iterations = output(done, "done", 1);
  problem.costs = want_costs ? cost : nullptr;
  check(extent(costs, 0) == problem.batch && (!want_costs || extent(costs, 1) == options.iterations), "costs must be (batch, iterations)");
  check(extent(done, 0) == problem.batch, "done must be (batch)");
  if (fixed) {
    problem.fixed = input(*fixed, "fixed", 1);
    check_shape(*fixed, {problem.rank}, "fixed");
  }
  check(options.group_h == 0 || groups, "group_h needs groups");
  if (groups) {
    problem.groups = input(*groups, "groups", 1);
    check_shape(*groups, {problem.rank}, "groups");
    problem.group_count = 1 + *std::max_element(problem.groups, problem.groups + problem.rank);
    check(problem.group_count <= problem.rank, "groups must be numbered without gaps");
  }
  if (weights) {
    problem.weights = input(*weights, "weights", 3);
    const std::size_t matrices = extent(*weights, 0), frames = extent(*weights, 1);
    check((matrices == 1 || matrices == problem.batch) && (frames == 1 || frames == problem.frames) && extent(*weights, 2) == problem.freq,
          "weights must be (batch or 1, frames or 1, freq)");
    problem.weights_frame = frames == 1 ? 0 : problem.freq;
    problem.weights_matrix = matrices == 1 ? 0 : frames * problem.freq;
  }
  const py::gil_scoped_release release;
  std::vector<std::size_t> made(problem.batch);
  problem.done = made.data();
  const bool finished = nmf(problem, options, [&](double fraction) { return report(callback, fraction); });
  std::copy(made.begin(), made.end(), iterations);
  return finished;
}

template <class T>
void divergence(const Array<T>& v, Array<T>& w, Array<T>& h, double beta, Array<double>& out) {
  NmfBatch<T> problem = batch_of(v, w, h);
  problem.costs = output(out, "out", 1);
  check(extent(out, 0) == problem.batch, "out must be (batch)");
  const py::gil_scoped_release release;
  nmf_divergence(problem, beta);
}

}  // namespace

void bind_nmf(py::module_& m) {
  py::class_<NmfOptions>(m, "NmfOptions")
      .def(py::init<>())
      .def_readwrite("beta", &NmfOptions::beta)
      .def_readwrite("iterations", &NmfOptions::iterations)
      .def_readwrite("tol", &NmfOptions::tol)
      .def_readwrite("update_w", &NmfOptions::update_w)
      .def_readwrite("update_h", &NmfOptions::update_h)
      .def_readwrite("l1_w", &NmfOptions::l1_w)
      .def_readwrite("l1_h", &NmfOptions::l1_h)
      .def_readwrite("l2_w", &NmfOptions::l2_w)
      .def_readwrite("l2_h", &NmfOptions::l2_h)
      .def_readwrite("smooth_h", &NmfOptions::smooth_h)
      .def_readwrite("group_h", &NmfOptions::group_h)
      .def_readwrite("group_scale", &NmfOptions::group_scale)
      .def_readwrite("normalize_w", &NmfOptions::normalize_w)
      .def_readwrite("accelerate", &NmfOptions::accelerate)
      .def_readwrite("guard_l2", &NmfOptions::guard_l2);
  const auto define = [&m](auto scalar) {
    m.def("nmf", &factorize<decltype(scalar)>, py::arg("v").noconvert(), py::arg("w").noconvert(), py::arg("h").noconvert(),
          py::arg("weights").noconvert(), py::arg("fixed").noconvert(), py::arg("groups").noconvert(), py::arg("costs").noconvert(), py::arg("done").noconvert(),
          py::arg("options"), py::arg("want_costs"), py::arg("callback"));
    m.def("nmf_divergence", &divergence<decltype(scalar)>, py::arg("v").noconvert(), py::arg("w").noconvert(), py::arg("h").noconvert(),
          py::arg("beta"), py::arg("out").noconvert());
  };
  define(float{});
  define(double{});
}

}  // namespace phasewise::bindings
