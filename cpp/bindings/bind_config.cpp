#include <pybind11/stl.h>

#include "bind.hpp"
#include "phasewise/isa.hpp"
#include "phasewise/threads.hpp"

namespace phasewise::bindings {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER);
#else
  return "unknown";
#endif
}

}  // namespace

void bind_config(pybind11::module_& m) {
  m.attr("version") = PHASEWISE_VERSION;
  m.attr("eigen_version") = PHASEWISE_EIGEN;
  m.attr("compiler") = compiler();
  m.def("active_isa", [] { return std::string(isa_name(active_isa())); });
  m.def("available_isas", [] {
    std::vector<std::string> names;
    for (const Isa isa : available_isas()) names.emplace_back(isa_name(isa));
    return names;
  });
  m.def("set_isa", &set_isa, pybind11::arg("name"));
  m.def("num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, pybind11::arg("n"));
  m.def("limit_threads", &limit_threads, pybind11::arg("n"));
}

}  // namespace phasewise::bindings
