#include <pybind11/stl.h>

#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/unfolding.hpp"

namespace phasewise::bindings {
namespace {

// A problem, with its arrays kept alive.
template <class T>
class Layers {
 public:
  using Complex = std::complex<T>;

  Layers(std::shared_ptr<StftPlan<T>> plan, std::size_t length, T epsilon, Array<Complex> mixture, Array<T> magnitudes, Optional<T> weights)
      : plan_(std::move(plan)), mixture_(std::move(mixture)), magnitudes_(std::move(magnitudes)), weights_(std::move(weights)) {
    p_.plan = plan_.get();
    p_.magnitudes = input(magnitudes_, "magnitudes", 4);
    p_.batch = extent(magnitudes_, 0);
    p_.sources = extent(magnitudes_, 1);
    p_.frames = extent(magnitudes_, 2);
    p_.length = length;
    p_.epsilon = epsilon;
    check_shape(magnitudes_, {p_.batch, p_.sources, p_.frames, plan_->bins()}, "magnitudes");
    p_.mixture = input(mixture_, "mixture", 3);
    check_shape(mixture_, {p_.batch, p_.frames, plan_->bins()}, "mixture");
    if (weights_) p_.weights = spectra(*weights_, "weights");
  }

  void start(Array<T>& signal) const {
    T* y = signals_out(signal, "signal");
    const py::gil_scoped_release release;
    unfold_start(p_, y);
  }

  void step(Layer layer, const Array<T>& parameters, const Optional<Complex>& state, const Array<T>& signal, Optional<Complex>& next,
            Optional<T>& next_signal) const {
    const Unfolding<T> p = posed(layer, parameters, state, signal);
    T* s = next ? spectra_out(*next, "next") : nullptr;
    T* y = next_signal ? signals_out(*next_signal, "next_signal") : nullptr;
    check(s != p.state || s == nullptr, "next must be another array than state");
    const py::gil_scoped_release release;
    unfold_step(p, s, y);
  }

  void step_backward(Layer layer, const Array<T>& parameters, const Optional<Complex>& state, const Array<T>& signal,
                     const Optional<Complex>& spectra_in, const Optional<T>& signal_in, Optional<Complex>& spectra_out_, Array<T>& signal_out,
                     Array<Complex>& of_mixture, Array<T>& of_magnitudes, Optional<T>& of_weights, Optional<T>& of_parameters) const {
    const Unfolding<T> p = posed(layer, parameters, state, signal);
    UnfoldingGradients<T> g = incoming(spectra_in, signal_in);
    if (p.state != nullptr) {
      check(spectra_out_.has_value(), "the gradient of the state needs spectra_out");
      g.spectra_out = spectra_out(*spectra_out_, "spectra_out");
    }
    g.signal_out = signals_out(signal_out, "signal_out");
    check(g.signal_out != g.signal_in, "signal_out must be another array than signal_in");
    arguments(g, of_mixture, of_magnitudes);
    check(weights_.has_value() == of_weights.has_value(), "weights and their gradient belong together");
    if (of_weights) g.weights = spectra_out(*of_weights, "of_weights");
    if (of_parameters) {
      g.parameters = output(*of_parameters, "of_parameters", 2);
      check_shape(*of_parameters, {layer_parameters, plan_->bins()}, "of_parameters");
    }
    const py::gil_scoped_release release;
    unfold_step_backward(p, g);
  }

  void start_backward(const Optional<Complex>& spectra_in, const Optional<T>& signal_in, Array<Complex>& of_mixture, Array<T>& of_magnitudes) const {
    UnfoldingGradients<T> g = incoming(spectra_in, signal_in);
    arguments(g, of_mixture, of_magnitudes);
    const py::gil_scoped_release release;
    unfold_start_backward(p_, g);
  }

  void sum(const Optional<Complex>& spectra_in, const Optional<T>& signal_in, Array<Complex>& out) const {
    UnfoldingGradients<T> g = incoming(spectra_in, signal_in);
    g.spectra_out = spectra_out(out, "out");
    const py::gil_scoped_release release;
    unfold_sum(p_, g);
  }

 private:
  template <class A>
  const T* spectra(const A& array, const char* name) const {
    check_shape(array, {p_.batch, p_.sources, p_.frames, plan_->bins()}, name);
    return input(array, name, 4);
  }
  template <class A>
  T* spectra_out(A& array, const char* name) const {
    T* data = output(array, name, 4);
    check_shape(array, {p_.batch, p_.sources, p_.frames, plan_->bins()}, name);
    return data;
  }
  const T* signals(const Array<T>& array, const char* name) const {
    const T* data = input(array, name, 3);
    check_shape(array, {p_.batch, p_.sources, p_.length}, name);
    return data;
  }
  T* signals_out(Array<T>& array, const char* name) const {
    T* data = output(array, name, 3);
    check_shape(array, {p_.batch, p_.sources, p_.length}, name);
    return data;
  }
  Unfolding<T> posed(Layer layer, const Array<T>& parameters, const Optional<Complex>& state, const Array<T>& signal) const {
    Unfolding<T> p = p_;
    p.layer = layer;
    p.parameters = input(parameters, "parameters", 2);
    check_shape(parameters, {layer_parameters, plan_->bins()}, "parameters");
    check(state.has_value() != (layer == Layer::misi || layer == Layer::mix), "misi and mix have no state, the others need it");
    if (state) p.state = spectra(*state, "state");
    p.signal = signals(signal, "signal");
    return p;
  }
  UnfoldingGradients<T> incoming(const Optional<Complex>& spectra_in, const Optional<T>& signal_in) const {
    UnfoldingGradients<T> g;
    if (spectra_in) g.spectra_in = spectra(*spectra_in, "spectra_in");
    if (signal_in) g.signal_in = signals(*signal_in, "signal_in");
    return g;
  }
  void arguments(UnfoldingGradients<T>& g, Array<Complex>& of_mixture, Array<T>& of_magnitudes) const {
    g.mixture = output(of_mixture, "of_mixture", 3);
    check_shape(of_mixture, {p_.batch, p_.frames, plan_->bins()}, "of_mixture");
    g.magnitudes = spectra_out(of_magnitudes, "of_magnitudes");
  }

  std::shared_ptr<StftPlan<T>> plan_;
  Array<Complex> mixture_;
  Array<T> magnitudes_;
  Optional<T> weights_;
  Unfolding<T> p_;
};

template <class T>
void bind_layers(py::module_& m, const char* name) {
  using L = Layers<T>;
  using Complex = std::complex<T>;
  py::class_<L>(m, name)
      .def(py::init<std::shared_ptr<StftPlan<T>>, std::size_t, T, Array<Complex>, Array<T>, Optional<T>>(), py::arg("plan"), py::kw_only(),
           py::arg("length"), py::arg("epsilon"), py::arg("mixture").noconvert(), py::arg("magnitudes").noconvert(), py::arg("weights").noconvert())
      .def("start", &L::start, py::arg("signal").noconvert())
      .def("step", &L::step, py::arg("layer"), py::kw_only(), py::arg("parameters").noconvert(), py::arg("state").noconvert(),
           py::arg("signal").noconvert(), py::arg("next").noconvert(), py::arg("next_signal").noconvert())
      .def("step_backward", &L::step_backward, py::arg("layer"), py::kw_only(), py::arg("parameters").noconvert(), py::arg("state").noconvert(),
           py::arg("signal").noconvert(), py::arg("spectra_in").noconvert(), py::arg("signal_in").noconvert(), py::arg("spectra_out").noconvert(),
           py::arg("signal_out").noconvert(), py::arg("of_mixture").noconvert(), py::arg("of_magnitudes").noconvert(),
           py::arg("of_weights").noconvert(), py::arg("of_parameters").noconvert())
      .def("start_backward", &L::start_backward, py::kw_only(), py::arg("spectra_in").noconvert(), py::arg("signal_in").noconvert(),
           py::arg("of_mixture").noconvert(), py::arg("of_magnitudes").noconvert())
      .def("sum", &L::sum, py::kw_only(), py::arg("spectra_in").noconvert(), py::arg("signal_in").noconvert(), py::arg("out").noconvert());
}

}  // namespace

void bind_unfolding(py::module_& m) {
  m.attr("most_unfolded_sources") = most_unfolded_sources;
  py::enum_<Layer>(m, "Layer")
      .value("misi", Layer::misi)
      .value("mix_incons", Layer::mix_incons)
      .value("mix_incons_hard_mag", Layer::mix_incons_hard_mag)
      .value("mag_incons_hard_mix", Layer::mag_incons_hard_mix)
      .value("rrr", Layer::rrr)
      .value("raar", Layer::raar)
      .value("mix", Layer::mix);
  bind_layers<float>(m, "Layers32");
  bind_layers<double>(m, "Layers64");
}

}  // namespace phasewise::bindings
