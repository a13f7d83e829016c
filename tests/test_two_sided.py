"""Complex signals and their two-sided spectra."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from tolerances import relative_error, tolerance

CDTYPES = [np.complex64, np.complex128]


def noise(shape, dtype=np.complex128, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)


@pytest.mark.parametrize("dtype", CDTYPES)
@pytest.mark.parametrize("n_fft", [1, 2, 3, 8, 15, 64, 97, 100, 512])
def test_frames_equal_numpy(isa, threads, n_fft, dtype):
    z = noise((2, 5 * n_fft), dtype)
    window = np.random.default_rng(1).uniform(0.5, 1.5, n_fft)
    S = pw.stft(z, n_fft=n_fft, hop_length=n_fft, window=window, center=False)
    expected = np.fft.fft(z.reshape(2, 5, n_fft).astype(np.complex128) * window).swapaxes(-1, -2)
    assert S.dtype == dtype
    assert relative_error(S, expected) < tolerance("stft", dtype)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge", "symmetric"])
def test_equals_torch_and_the_transforms_of_the_parts(pad_mode):
    z = noise((2, 3000))
    S = pw.stft(z, n_fft=256, hop_length=64, pad_mode=pad_mode)
    real, imaginary = (
        pw.stft(part, n_fft=256, hop_length=64, pad_mode=pad_mode) for part in (z.real, z.imag)
    )
    assert relative_error(S[:, :129], real + 1j * imaginary) < tolerance("stft", z.dtype)
    if pad_mode in ("constant", "reflect"):
        window = torch.hann_window(256, dtype=torch.float64)
        theirs = torch.stft(
            torch.from_numpy(z),
            256,
            64,
            window=window,
            pad_mode=pad_mode,
            onesided=False,
            return_complex=True,
        )
        assert relative_error(S, theirs.numpy()) < tolerance("stft", z.dtype)


def test_equals_scipy():
    z = noise(4000)
    window = scipy.signal.get_window("hamming", 300)
    theirs = scipy.signal.ShortTimeFFT(window, 75, 1.0, fft_mode="twosided", phase_shift=None)
    S = pw.stft(z, n_fft=300, hop_length=75, window=window)
    assert relative_error(S[:, 4:-4], theirs.stft(z, p0=0)[:, 4 : S.shape[1] - 4]) < tolerance(
        "stft", z.dtype
    )


@settings(max_examples=60)
@given(
    n_fft=st.integers(1, 90),
    hop=st.integers(1, 40),
    samples=st.integers(1, 400),
    center=st.booleans(),
    dtype=st.sampled_from(CDTYPES),
    seed=st.integers(0, 9),
)
def test_there_and_back(n_fft, hop, samples, center, dtype, seed):
    hop, samples = min(hop, n_fft), max(samples, n_fft)
    z = noise((2, samples), dtype, seed)
    options = {"hop_length": hop, "window": np.linspace(1, 2, n_fft), "center": center}
    S = pw.stft(z, n_fft=n_fft, **options)
    back = pw.istft(S, n_fft=n_fft, length=samples, onesided=False, **options)
    assert back.dtype == dtype
    covered = samples if center else n_fft + hop * (S.shape[-1] - 1)
    covered = min(covered, n_fft - n_fft // 2 + hop * (S.shape[-1] - 1)) if center else covered
    assert relative_error(back[..., :covered], z[..., :covered]) < 10 * tolerance("reconstruction", dtype)
    assert not back[..., max(covered, 0) + n_fft :].any()


def test_n_fft_default_out_precision_and_layout():
    z = noise((3, 2, 2000), np.complex64)
    S = pw.stft(z, n_fft=128, hop_length=32)
    assert S.shape == (3, 2, 128, 63)
    out = np.empty(z.shape, np.complex64)
    assert pw.istft(S, hop_length=32, length=2000, onesided=False, out=out) is out
    assert relative_error(out, z) < tolerance("reconstruction", z.dtype)
    swapped = np.ascontiguousarray(z.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert np.array_equal(pw.stft(swapped, n_fft=128, hop_length=32), S)
    assert np.array_equal(pw.istft(np.ascontiguousarray(S), hop_length=32, length=2000, onesided=False), out)
    double = pw.stft(z, n_fft=128, hop_length=32, dtype=np.complex128)
    assert double.dtype == np.complex128
    assert relative_error(S, double) < tolerance("stft", np.complex64)


def test_real_spectra_of_a_real_signal_are_half_of_the_two_sided_ones():
    y = noise(900).real
    S = pw.stft(y + 0j, n_fft=101, hop_length=25)
    assert relative_error(S[:51], pw.stft(y, n_fft=101, hop_length=25)) < tolerance("stft", y.dtype)
    assert relative_error(S[1:], S[:0:-1].conj()) < tolerance("stft", y.dtype)


def test_errors():
    z = noise(500)
    with pytest.raises(pw.errors.ParameterError, match="n_fft = 64 bins"):
        pw.istft(pw.stft(z, n_fft=64)[:33], n_fft=64, onesided=False)
    with pytest.raises(pw.errors.ParameterError, match="1 \\+ n_fft // 2 = 33 bins"):
        pw.istft(pw.stft(z, n_fft=64), n_fft=64)
    with pytest.raises(pw.errors.ParameterError, match="out must have shape"):
        pw.stft(z, n_fft=64, out=np.empty((33, 32), np.complex128, order="F"))
    z[77] = np.nan
    with pytest.raises(pw.errors.ParameterError, match=r"y must be finite.*\(77,\)"):
        pw.stft(z, n_fft=64)
