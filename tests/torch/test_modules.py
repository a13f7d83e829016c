"""Transforms as modules, front ends, and models in which torch's functions are replaced by ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import phasewise as pw
import phasewise.torch as pwt
from tolerances import relative_error, tolerance


def test_modules_have_torchs_or_librosas_defaults(noise):
    y = noise(2, 600)
    window = torch.hann_window(64, dtype=torch.float64)
    torch.testing.assert_close(pwt.STFT(64).double()(y), pwt.stft(y, 64, window=window))
    ours = pwt.STFT(64, win_length=48, compat="librosa").double()(y)
    expected = pw.stft(y.numpy(), n_fft=64, win_length=48)
    assert ours.shape == expected.shape
    assert relative_error(ours, expected) < tolerance("stft", np.float64)
    S = pwt.STFT(64, normalized=True).double()(y)
    torch.testing.assert_close(pwt.ISTFT(64, normalized=True).double()(S, 600), y)
    assert pwt.ISTFT(64).double()(S).shape == (2, 592)


def test_windows_stay_exact_and_out_of_the_state():
    module = pwt.STFT(64)
    assert module.state_dict() == {}
    exact = pw.windows.get_window("hann", 64)
    for moved in (module.half(), module.double(), module.float().double()):
        assert np.array_equal(moved.window.double().numpy(), exact.astype(moved.window.numpy().dtype))
    assert module.half().window.dtype == torch.float32
    assert module.to("meta").window.device.type == "meta"
    assert "n_fft=64, hop_length=16" in repr(module)


@pytest.mark.parametrize("power", [1.0, 2.0, 0.6])
def test_spectrograms(noise, power):
    y = noise(2, 600, grad=True)
    module = pwt.Spectrogram(64, hop_length=16, power=power).double()
    S = module(y)
    window = torch.hann_window(64, dtype=torch.float64)
    torch.testing.assert_close(S, pwt.stft(y, 64, 16, window=window).abs() ** power)
    assert torch.autograd.gradcheck(module, (y[:, :100].detach().requires_grad_(),))
    assert pwt.Spectrogram(64).hop_length == 32


@pytest.mark.parametrize("power", [1.0, 2.0, 0.6])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-22, 1e-15])
def test_gradients_at_silence_are_finite(noise, power, scale):
    y = (scale * noise(1, 600, dtype=torch.float32)).requires_grad_()
    pwt.Spectrogram(64, power=power)(y).sum().backward()
    assert y.grad.isfinite().all()


def test_mel_spectrogram(noise):
    y = noise(2, 4000, dtype=torch.float32, grad=True)
    module = pwt.MelSpectrogram(16000, 256, n_mels=20, log_floor=1e-6)
    filters = pw.mel_filters(16000, 256, 20, htk=True, norm=None)
    power = pwt.Spectrogram(256)(y)
    torch.testing.assert_close(module(y), (torch.from_numpy(filters) @ power).clamp(min=1e-6).log())
    assert module.state_dict() == {}
    (module(y).sum()).backward()
    assert y.grad.isfinite().all()


def test_wrong_parameters():
    with pytest.raises(pw.ParameterError, match="compat must be one of 'torch', 'librosa'"):
        pwt.STFT(64, compat="scipy")
    with pytest.raises(pw.ParameterError, match="power must be positive"):
        pwt.Spectrogram(64, power=0)
    with pytest.raises(pw.ParameterError, match="mel_scale must be one of"):
        pwt.MelSpectrogram(mel_scale="bark")


class Model(torch.nn.Module):
    """A model of somebody else, which calls torch's functions in all the ways there are."""

    def forward(self, y):
        window = torch.hann_window(64, dtype=y.dtype)
        S = torch.stft(y, 64, 16, window=window, return_complex=True)
        T = y.stft(64, 16, window=window, return_complex=True)
        U = torch.functional.stft(input=y, n_fft=64, hop_length=16, window=window, return_complex=True)
        return torch.istft(S + T + U, 64, 16, window=window) + (S * T).istft(64, 16, window=window)


def calls_of_ours(function):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        result = function()
    return result, sum(e.count for e in profile.key_averages() if e.key.startswith("phasewise::"))


def test_use_swaps_torchs_functions_and_puts_them_back(noise):
    y, model = noise(2, 640), Model()
    before = (torch.stft, torch.istft, torch.Tensor.stft, torch.Tensor.istft, torch.functional.stft)
    theirs, none = calls_of_ours(lambda: model(y))
    with pwt.use(), pwt.use():
        ours, count = calls_of_ours(lambda: model(y))
        with pytest.raises(pw.ParameterError):
            torch.stft(y, 64, window=torch.ones(3))
    assert (none, count) == (0, 5)
    torch.testing.assert_close(ours, theirs)
    after = (torch.stft, torch.istft, torch.Tensor.stft, torch.Tensor.istft, torch.functional.stft)
    assert after == before
