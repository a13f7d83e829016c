"""The operators in compiled, exported, mapped and automatically cast models, and in worker processes."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

import phasewise as pw
import phasewise.torch as pwt
from spectra_dataset import Spectra

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:Torchinductor does not support code"
)


class Mask(torch.nn.Module):
    """A mask between transform and inverse."""

    def __init__(self):
        super().__init__()
        self.stft, self.istft = pwt.STFT(64), pwt.ISTFT(64)
        self.gain = torch.nn.Parameter(torch.linspace(0.5, 1.0, 33)[:, None])

    def forward(self, y):
        S = self.stft(y) * self.gain
        return self.istft(pwt.project_consistent(S, 64), y.shape[-1])


def gradients(model, function, y):
    model.zero_grad()
    given = y.clone().requires_grad_()
    result = function(given)
    result.pow(2).sum().backward()
    return result, given.grad, model.gain.grad.clone()


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_models_are_the_same(noise, backend):
    model, y = Mask(), noise(2, 640, dtype=torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    torch.testing.assert_close(gradients(model, compiled, y), gradients(model, model, y))


def test_compiled_models_take_any_length(noise):
    model = Mask()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager", dynamic=True)
    for samples in (640, 800, 801):
        y = noise(2, samples, dtype=torch.float32)
        torch.testing.assert_close(gradients(model, compiled, y), gradients(model, model, y))


def test_exported_models_are_the_same(noise):
    model, y = Mask(), noise(2, 640, dtype=torch.float32)
    batch, samples = torch.export.Dim("batch", min=1, max=8), torch.export.Dim("samples", min=128)
    exported = torch.export.export(model, (y,), dynamic_shapes=({0: batch, 1: samples},))
    names = {str(node.target) for node in exported.graph.nodes}
    assert {"phasewise.stft.default", "phasewise.istft.default"} <= names
    other = noise(3, 1000, dtype=torch.float32)
    torch.testing.assert_close(exported.module()(other), model(other))


def test_autocast_keeps_the_transform_in_float32(noise):
    y, mixer = noise(2, 640, dtype=torch.float32), torch.nn.Linear(640, 640)
    window = torch.hann_window(64)
    with torch.autocast("cpu", torch.bfloat16):
        given = mixer(y)
        assert given.dtype == torch.bfloat16
        S = pwt.stft(given, 64, window=window)
        raw = torch.ops.phasewise.stft(given, window.bfloat16(), 64, 16, True, "reflect")
        x = pwt.istft(S, 64, window=window)
    assert (S.dtype, raw.dtype, x.dtype) == (torch.complex64, torch.complex64, torch.float32)
    torch.testing.assert_close(S, pwt.stft(given.float(), 64, window=window))
    x.sum().backward()
    assert mixer.weight.grad.isfinite().all()
    with pytest.raises(pw.ParameterError, match="use autocast"):
        pwt.stft(given, 64, window=window)


def test_vmap_folds_batch_axes(noise):
    y, window = noise(3, 2, 300), torch.hann_window(64, dtype=torch.float64)
    for axis in (0, 1):
        mapped = torch.func.vmap(lambda t: pwt.stft(t, 64, window=window), in_dims=axis)(y)
        torch.testing.assert_close(mapped, pwt.stft(y.movedim(axis, 0), 64, window=window), rtol=0, atol=0)
    S = pwt.stft(y, 64, window=window)
    mapped = torch.func.vmap(torch.func.vmap(lambda t: pwt.istft(t, 64, window=window)))(S)
    torch.testing.assert_close(mapped, pwt.istft(S, 64, window=window), rtol=0, atol=0)
    with pytest.raises(pw.ParameterError, match="cannot be mapped over argument 1"):
        torch.func.vmap(lambda w: pwt.stft(y, 64, window=w))(torch.stack((window, window)))


def test_gradients_within_vmap(noise):
    y, window = noise(3, 200, grad=True), torch.hann_window(64, dtype=torch.float64)
    mapped = torch.func.vmap(lambda t: pwt.stft(t, 64, window=window).abs().pow(2).sum())(y)
    plain = pwt.stft(y, 64, window=window).abs().pow(2).sum((-2, -1))
    torch.testing.assert_close(torch.autograd.grad(mapped.sum(), y), torch.autograd.grad(plain.sum(), y))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*use of fork\\(\\) may lead to deadlocks")
def test_workers(method):
    data = Spectra()
    expected = [data[i] for i in range(4)]  # the pool of threads is at work before the fork
    loader = DataLoader(data, batch_size=1, num_workers=1, multiprocessing_context=method)
    for (S, gradient), (S_here, gradient_here) in zip(loader, expected, strict=True):
        torch.testing.assert_close((S[0], gradient[0]), (S_here, gradient_here))
