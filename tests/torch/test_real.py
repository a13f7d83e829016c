"""The transform in real arithmetic, and its export to ONNX."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

import phasewise.torch as pwt
from tolerances import relative_error

PARAMETERS = [
    {"n_fft": 64},
    {"n_fft": 63, "hop_length": 20, "win_length": 50, "window": "hamming"},
    {"n_fft": 64, "hop_length": 16, "normalized": True},
    {"n_fft": 64, "center": False, "window": "hamming"},
]


@pytest.mark.parametrize("options", PARAMETERS)
@pytest.mark.parametrize("shape", [(500,), (2, 3, 500)])
def test_values_are_those_of_the_transform(noise, dtype, options, shape):
    stft, istft = pwt.STFT(**options).to(dtype), pwt.ISTFT(**options).to(dtype)
    forth, back = pwt.RealSTFT(stft).to(dtype), pwt.RealISTFT(istft).to(dtype)
    y = noise(*shape, dtype=dtype)
    S, parts = stft(y), forth(y)
    bound = 1e-5 if dtype == torch.float32 else 1e-12
    assert relative_error(torch.view_as_complex(parts.contiguous()), S) < bound
    for length in (None, 480):
        assert relative_error(back(parts, length), istft(S, length)) < bound
    assert forth.state_dict() == {}


def test_samples_without_energy_are_as_in_the_inverse(noise):
    stft, istft = pwt.STFT(64, center=False).double(), pwt.ISTFT(64, center=False).double()
    y = noise(2, 512)
    x = pwt.RealISTFT(istft).double()(pwt.RealSTFT(stft).double()(y))
    torch.testing.assert_close(x, istft(stft(y)))


class Denoiser(torch.nn.Module):
    """A model as users export them: transform, mask, inverse."""

    def __init__(self):
        super().__init__()
        self.forth, self.back = pwt.RealSTFT(pwt.STFT(64)), pwt.RealISTFT(pwt.ISTFT(64))

    def forward(self, y):
        S = self.forth(y)
        power = S.pow(2).sum(-1, keepdim=True)
        return self.back(S * (power / (power + 1.0)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_export_agrees_with_onnxruntime(noise, dynamo):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    if dynamo:
        pytest.importorskip("onnxscript")
    model, y = Denoiser().eval(), noise(1, 1000, dtype=torch.float32)
    file = io.BytesIO()
    torch.onnx.export(
        model, (y,), file, dynamo=dynamo, input_names=["y"], output_names=["x"], opset_version=18,
        **({} if dynamo else {"dynamic_axes": {"y": {1: "samples"}}}),
    )  # fmt: skip
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    lengths = (1000,) if dynamo else (1000, 1300)
    for samples in lengths:
        y = noise(1, samples, dtype=torch.float32)
        (x,) = session.run(None, {"y": y.numpy()})
        with torch.no_grad():
            assert relative_error(x, model(y)) < 1e-5
    assert x.dtype == np.float32
