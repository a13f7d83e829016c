#pragma once

#include <pybind11/pybind11.h>

namespace phasewise::bindings {

void bind_activations(pybind11::module_& m);
void bind_agreement(pybind11::module_& m);
void bind_config(pybind11::module_& m);
void bind_filters(pybind11::module_& m);
void bind_frame_stage(pybind11::module_& m);
void bind_integration(pybind11::module_& m);
void bind_inversion(pybind11::module_& m);
void bind_memory(pybind11::module_& m);
void bind_multichannel(pybind11::module_& m);
void bind_nmf(pybind11::module_& m);
void bind_online_inversion(pybind11::module_& m);
void bind_phase(pybind11::module_& m);
void bind_phase_model(pybind11::module_& m);
void bind_stft(pybind11::module_& m);
void bind_streaming(pybind11::module_& m);
void bind_unfolding(pybind11::module_& m);

}  // namespace phasewise::bindings
