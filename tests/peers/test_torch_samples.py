"""The samples of torch's operator database for stft and istft, through the numpy functions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import phasewise as pw
from tolerances import relative_error, tolerance

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="torch's operator database needs it")


def samples(name, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own test code
        from torch.testing._internal.common_methods_invocations import op_db

        (operator,) = (op for op in op_db if op.name == name)
        return list(operator.sample_inputs("cpu", dtype))


def parameters(sample):
    """Return our names for torch's parameters of the frames."""
    given = dict(sample.kwargs)
    n_fft = given["n_fft"]
    window = given.get("window")
    return {
        "n_fft": n_fft,
        "hop_length": given.get("hop_length") or n_fft // 4,
        "win_length": given.get("win_length"),
        "window": "boxcar" if window is None else window.real.numpy(),
        "center": given.get("center", True),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stft_of_real_signals(dtype):
    compared = 0
    for sample in samples("stft", dtype):
        options = sample.kwargs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch asks for a window
            theirs = torch.stft(sample.input, *sample.args, **options).numpy()
        ours = pw.stft(
            sample.input.numpy(), pad_mode=options.get("pad_mode", "reflect"), **parameters(sample)
        )
        if options.get("onesided") is False:
            mirrored = ours[..., 1 : (options["n_fft"] + 1) // 2, :].conj()[..., ::-1, :]
            ours = np.concatenate((ours, mirrored), axis=-2)
        if not options["return_complex"]:
            ours = np.stack((ours.real, ours.imag), axis=-1)
        assert ours.dtype == theirs.dtype
        assert relative_error(ours, theirs) < tolerance("stft", dtype_of(dtype))
        compared += 1
    assert compared >= 9


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_istft_to_real_signals(dtype):
    compared = 0
    for sample in samples("istft", dtype):
        options = sample.kwargs
        if options.get("return_complex"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = torch.istft(sample.input, *sample.args, **options).numpy()
        S, n_fft = sample.input.numpy(), options["n_fft"]
        if not options.get("onesided", S.shape[-2] != n_fft):
            S = S[..., : n_fft // 2 + 1, :]  # torch ignores the other half for a real result
        ours = pw.istft(S, length=options.get("length"), **parameters(sample))
        assert ours.dtype == theirs.dtype
        assert relative_error(ours, theirs) < tolerance("istft", dtype_of(dtype))
        compared += 1
    assert compared >= 8


def dtype_of(dtype):
    return torch.empty(0, dtype=dtype).numpy().dtype


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_istft_to_complex_signals(dtype):
    compared = 0
    for sample in samples("istft", dtype):
        options = sample.kwargs
        if not options.get("return_complex"):
            continue
        window = options.get("window")
        if window is not None and window.is_complex():
            with pytest.raises(pw.ParameterError, match="window must be real"):
                pw.istft(sample.input.numpy(), window=window.numpy(), n_fft=options["n_fft"], onesided=False)
            options = {**options, "window": window.real}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = torch.istft(sample.input, *sample.args, **options).numpy()
        ours = pw.istft(
            sample.input.numpy(), length=options.get("length"), onesided=False, **parameters(sample)
        )
        assert ours.dtype == theirs.dtype
        assert relative_error(ours, theirs) < tolerance("istft", dtype_of(dtype))
        compared += 1
    assert compared >= 1


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_stft_of_complex_signals(dtype):
    compared = 0
    for sample in samples("stft", dtype):
        options = sample.kwargs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = torch.stft(sample.input, *sample.args, **options).numpy()
        given, window = parameters(sample), options.get("window")
        ours = pw.stft(sample.input.numpy(), pad_mode="reflect", **given)
        if window is not None and window.is_complex():  # as our refusal of complex windows says
            ours = ours + 1j * pw.stft(
                sample.input.numpy(), pad_mode="reflect", **{**given, "window": window.imag.numpy()}
            )
        if not options.get("return_complex", True):
            ours = np.stack((ours.real, ours.imag), axis=-1)
        assert ours.dtype == theirs.dtype
        assert relative_error(ours, theirs) < tolerance("stft", dtype_of(dtype))
        compared += 1
    assert compared >= 9


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_stft_of_complex_noise(dtype):
    z = torch.randn(2, 300, dtype=dtype, generator=torch.Generator().manual_seed(0))
    for center, normalized in ((True, False), (False, True)):
        theirs = torch.stft(
            z, 50, 10, window=torch.hann_window(50, dtype=z.real.dtype), center=center, normalized=normalized,
            onesided=False, return_complex=True,
        ).numpy()  # fmt: skip
        ours = pw.stft(z.numpy(), n_fft=50, hop_length=10, center=center, pad_mode="reflect")
        assert relative_error(ours / (50**0.5 if normalized else 1), theirs) < tolerance(
            "stft", dtype_of(dtype)
        )
