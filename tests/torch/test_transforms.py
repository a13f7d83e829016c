"""stft, istft and the projector: values, gradients and what torch refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import phasewise as pw
import phasewise.torch as pwt
from phasewise.reference import transform as twin
from phasewise.torch import _native
from phasewise.torch._ops import transforms as ops
from tolerances import relative_error, tolerance

N_FFT, HOP = 24, 6


def real(tensor):
    return torch.empty(0, dtype=tensor.dtype).numpy().dtype


def close(ours, theirs, quantity="stft"):
    assert ours.dtype == theirs.dtype
    return relative_error(ours.detach(), theirs.detach()) < tolerance(quantity, real(ours))


@pytest.mark.parametrize("pad_mode", ["reflect", "constant", "replicate", "circular"])
@pytest.mark.parametrize(("n_fft", "hop", "win_length"), [(24, 6, None), (25, 7, 20), (16, 16, 10)])
@pytest.mark.parametrize("shape", [(100,), (1, 100), (3, 100)])
def test_stft_is_torchs(noise, dtype, shape, n_fft, hop, win_length, pad_mode):
    y = noise(*shape, dtype=dtype)
    window = torch.hamming_window(win_length or n_fft, dtype=dtype)
    for center, normalized, onesided in ((True, False, None), (False, True, True), (True, True, False)):
        options = {"center": center, "normalized": normalized, "onesided": onesided, "pad_mode": pad_mode}
        theirs = torch.stft(y, n_fft, hop, win_length, window, return_complex=True, **options)
        ours = pwt.stft(y, n_fft, hop, win_length, window, **options)
        assert close(ours, theirs)
    assert close(
        pwt.stft(y, n_fft, hop, win_length, window, return_complex=False),
        torch.view_as_real(torch.stft(y, n_fft, hop, win_length, window, return_complex=True)),
    )


def test_memory_order_is_torchs(noise):
    y, window = noise(2, 100), torch.hann_window(N_FFT, dtype=torch.float64)
    theirs = torch.stft(y, N_FFT, HOP, window=window, return_complex=True)
    assert pwt.stft(y, N_FFT, HOP, window=window).stride() == theirs.stride()


@pytest.mark.parametrize(("n_fft", "hop", "win_length"), [(24, 6, None), (25, 7, 20)])
def test_istft_is_torchs(noise, dtype, n_fft, hop, win_length):
    window = torch.hamming_window(win_length or n_fft, dtype=dtype)
    y = noise(3, 101, dtype=dtype)
    for center, normalized, onesided, length in (
        (True, False, None, None),
        (True, True, False, 101),
        (True, False, True, 90),
        (False, False, True, None) if win_length is None else (True, True, None, 60),
    ):
        S = torch.stft(
            y, n_fft, hop, win_length, window, center, normalized=normalized, onesided=onesided,
            return_complex=True,
        )  # fmt: skip
        arguments = (S, n_fft, hop, win_length, window, center, normalized, onesided, length)
        theirs = torch.istft(*arguments)
        assert close(pwt.istft(*arguments), theirs, "istft")


def test_values_are_the_twins(noise, dtype):
    y = noise(2, 200, dtype=dtype)
    window = torch.hann_window(32, dtype=dtype)
    S = pwt.stft(y, 32, 8, window=window, pad_mode="constant")
    assert relative_error(S, twin.stft(y.numpy(), 32, 8)) < tolerance("stft", real(y))
    x = pwt.istft(S, 32, 8, window=window, length=200)
    assert relative_error(x, twin.istft(S.numpy(), 8, length=200)) < tolerance("istft", real(y))
    noisy = S + torch.complex(noise(*S.shape, dtype=dtype), noise(*S.shape, dtype=dtype))
    ours = pwt.project_consistent(noisy, 32, 8, length=200)
    expected = twin.project_consistent(noisy.numpy(), hop_length=8, length=200)
    assert relative_error(ours, expected) < tolerance("stft", real(y))


@pytest.mark.parametrize("shape", [(0, 60), (2, 0, 60), (2, 3, 2, 60)])
def test_any_batch(noise, shape):
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    y = noise(*shape, grad=True)
    S = pwt.stft(y, N_FFT, HOP, window=window)
    assert S.shape == (*shape[:-1], N_FFT // 2 + 1, 11)
    x = pwt.istft(S, N_FFT, HOP, window=window, length=60)
    torch.testing.assert_close(x, y)
    x.sum().backward()
    assert y.grad.shape == y.shape
    assert pwt.project_consistent(S, N_FFT, HOP).shape == S.shape


def test_hann_without_centring(noise):
    y, window = noise(2, 96), torch.hann_window(N_FFT, dtype=torch.float64)
    S = pwt.stft(y, N_FFT, HOP, window=window, center=False).requires_grad_()
    with pytest.raises(RuntimeError, match="window overlap add"):
        torch.istft(S, N_FFT, HOP, window=window, center=False)
    x = pwt.istft(S, N_FFT, HOP, window=window, center=False)
    torch.testing.assert_close(x[:, 1:], y[:, 1:])
    assert x[:, 0].abs().max() < 1e-9
    (gradient,) = torch.autograd.grad(x.pow(2).sum(), S)
    assert gradient.isfinite().all()
    torch.testing.assert_close(_native.istft(S, window, N_FFT, HOP, False, 96), x)


def layouts(y):
    """Yield views with the same values: contiguous, strided, expanded from halves, negated."""
    yield y
    yield y.mT.contiguous().mT
    yield torch.stack((y, y), dim=-1)[..., 0]
    if y.is_complex():
        yield y.conj().resolve_conj().conj()
    else:
        yield torch.complex(torch.zeros_like(y), -y).conj().imag


def test_layouts_and_lazy_bits(noise):
    y, window = noise(3, 60), torch.hann_window(N_FFT, dtype=torch.float64)
    S = pwt.stft(y, N_FFT, HOP, window=window)
    for view in layouts(y):
        torch.testing.assert_close(pwt.stft(view, N_FFT, HOP, window=window), S, rtol=0, atol=0)
    x = pwt.istft(S, N_FFT, HOP, window=window)
    for view in layouts(S):
        torch.testing.assert_close(pwt.istft(view, N_FFT, HOP, window=window), x, rtol=0, atol=0)


def operators(noise):
    """Yield (operator, arguments) with inputs that ask for a gradient."""
    window = torch.hann_window(12, dtype=torch.float64) + 0.05
    y = noise(2, 22, grad=True)
    for center, pad_mode in ((True, "reflect"), (True, "constant"), (True, "replicate"), (False, "constant")):
        frames = 1 + (22 + 12 * center - 12) // 5
        S = torch.complex(noise(2, 7, frames), noise(2, 7, frames)).requires_grad_()
        yield ops.stft, (y, window, 12, 5, center, pad_mode)
        yield ops.stft_adjoint, (S, window, 12, 5, center, pad_mode, 22)
        if pad_mode == "constant":
            yield ops.istft, (S, window, 12, 5, center, 19)
            yield ops.istft_adjoint, (y, window, 12, 5, center, frames)
            yield ops.project_consistent, (S, window, 12, 5, center, 22)


NATIVE = {
    "phasewise::stft": _native.stft,
    "phasewise::stft_adjoint": _native.stft_adjoint,
    "phasewise::istft": _native.istft,
    "phasewise::istft_adjoint": _native.istft_adjoint,
    "phasewise::project_consistent": _native.project_consistent,
}


def test_gradients(noise):
    for op, (x, *rest) in operators(noise):
        assert gradcheck(lambda t, op=op, rest=rest: op(t, *rest), (x,))
        assert gradgradcheck(lambda t, op=op, rest=rest: op(t, *rest), (x,))


def test_other_devices_compute_the_same(noise):
    for op, arguments in operators(noise):
        torch.testing.assert_close(NATIVE[op.name()](*arguments), op(*arguments), msg=op.name())


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_operators_keep_torchs_rules(noise, precision):
    for op, (x, window, *rest) in operators(noise):
        x = x.detach().to(torch.complex64 if x.is_complex() and precision == torch.float32 else x.dtype)
        x = x if x.is_complex() else x.to(precision)
        window = window.to(precision)
        for given in (x.mT.contiguous().mT, x[:0]):
            torch.library.opcheck(op, (given, window, *rest), test_utils=BASIC)
        torch.library.opcheck(op, (x[:1].clone().requires_grad_(), window, *rest))


BASIC = ("test_schema", "test_autograd_registration", "test_faketensor")


def test_gradients_of_windows_and_complex_signals(noise):
    y, window = noise(2, 60), noise(N_FFT, grad=True)
    assert gradcheck(lambda w: pwt.stft(y, N_FFT, HOP, window=w), (window,))
    z = torch.complex(y, noise(2, 60))
    plain = window.detach()
    assert close(
        pwt.stft(z, N_FFT, HOP, window=plain),
        torch.stft(z, N_FFT, HOP, window=plain, return_complex=True),
    )
    S = pwt.stft(z.reshape(1, 2, 60), N_FFT, HOP, window=plain)
    assert S.shape[:2] == (1, 2)
    assert close(pwt.istft(S, N_FFT, HOP, window=plain, return_complex=True, length=60)[0], z, "istft")


def test_nan_passes_through(noise):
    y, window = noise(1, 96), torch.hann_window(N_FFT, dtype=torch.float64)
    y[0, 40] = torch.nan
    S = pwt.stft(y, N_FFT, HOP, window=window)
    assert S.isnan().any()
    assert not S[..., 0].isnan().any()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda y, w: pwt.stft(y.int(), 24, 6, window=w),
            "must be float32 or float64, got torch.int32",
        ),
        (lambda y, w: pwt.stft(y, 24, 6, window=w[:5]), "window must have win_length=24 values"),
        (lambda y, w: pwt.stft(y, 24, 6, 30, window=w), "win_length must be at most n_fft=24, got 30"),
        (lambda y, w: pwt.stft(y[..., :5], 24, 6, window=w, center=False), "use center=True or lower"),
        (
            lambda y, w: pwt.stft(y[..., :5], 24, 6, window=w),
            "by n_fft // 2 = 12 needs at least 13",
        ),
        (lambda y, w: pwt.stft(y, 24, 6, window=w, pad_mode="edge"), "pad_mode must be one of 'constant'"),
        (lambda y, w: pwt.stft(y, 24, 6, window=w.to("meta")), "on one device, but are on cpu and meta"),
        (lambda y, w: pwt.stft(y.numpy(), 24, 6, window=w), "must be a tensor, got ndarray"),
        (lambda y, w: pwt.istft(y, 24, 6, window=w), "must be complex64 or complex128"),
        (lambda y, w: pwt.istft(pwt.stft(y, 24, 6), 26, 6), "must have 14 bins on axis -2"),
        (lambda y, w: pwt.istft(pwt.stft(y, 24, 6), 24, 6, length=0), "length must be an integer >= 1"),
        (
            lambda y, w: pwt.project_consistent(pwt.stft(y, 24, 6), 24, 6, length=10),
            "make 13 and 2",
        ),
    ],
)
def test_errors_say_what_to_do(noise, call, text):
    with pytest.raises(pw.ParameterError) as error:
        call(noise(2, 60), torch.hann_window(24, dtype=torch.float64))
    assert text in str(error.value)


def test_threads_are_torchs(noise):
    before, own = torch.get_num_threads(), pw.get_num_threads()
    y, window = noise(4, 20000), torch.hann_window(512, dtype=torch.float64)
    results = []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            results.append(pwt.stft(y, 512, window=window))
            assert pw.get_num_threads() == own
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert np.array_equal(other, results[0])
