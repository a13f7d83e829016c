// The compiled module: one registration function per domain, no arithmetic.
#include <pybind11/pybind11.h>

#include "bind.hpp"

// Plans are immutable, scratch belongs to threads, and the pool is guarded: the interpreter's lock is not needed.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
  m.doc() = "Compiled core of phasewise. Private: the functions of the package check and document their arguments.";
  phasewise::bindings::bind_config(m);
  phasewise::bindings::bind_memory(m);
  phasewise::bindings::bind_stft(m);
  phasewise::bindings::bind_streaming(m);
  phasewise::bindings::bind_inversion(m);
  phasewise::bindings::bind_agreement(m);
  phasewise::bindings::bind_phase(m);
  phasewise::bindings::bind_filters(m);
  phasewise::bindings::bind_multichannel(m);
  phasewise::bindings::bind_phase_model(m);
  phasewise::bindings::bind_integration(m);
  phasewise::bindings::bind_frame_stage(m);
  phasewise::bindings::bind_online_inversion(m);
  phasewise::bindings::bind_nmf(m);
  phasewise::bindings::bind_activations(m);
  phasewise::bindings::bind_unfolding(m);
}
