"""The STFT twin against librosa, torch and scipy, and its own reconstruction."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from phasewise.reference.transform import (
    bin_weights,
    istft,
    project_consistent,
    stft,
    window_values,
)
from tolerances import relative_error, tolerance

NAMES = ["boxcar", "hann", "hamming", "blackman", "bartlett", "nuttall", "blackmanharris"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_named_windows_are_scipys_periodic_ones(name, length):
    expected = scipy.signal.get_window(name, length, fftbins=True)
    np.testing.assert_allclose(window_values(name, length, length), expected, atol=1e-15)


def test_short_window_is_centred():
    w = window_values(np.arange(1.0, 4.0), 3, 8)
    np.testing.assert_array_equal(w, [0, 0, 1, 2, 3, 0, 0, 0])


SIZES = [(64, 16, 64), (64, 20, 50), (60, 7, 41), (45, 11, 45), (31, 8, 23), (2048, 512, 2048)]


@pytest.mark.parametrize(("n_fft", "hop", "win"), SIZES)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_stft_and_istft_match_librosa(n_fft, hop, win, center, dtype, rng):
    y = rng.standard_normal((2, 3, 5000)).astype(dtype)
    options = {"n_fft": n_fft, "hop_length": hop, "win_length": win, "window": "hamming", "center": center}
    S = stft(y, **options)
    assert S.dtype == np.result_type(dtype, np.complex64)
    assert relative_error(S, librosa.stft(y, pad_mode="constant", **options)) < tolerance("stft", dtype)

    S = (S * rng.uniform(0.5, 1, S.shape)).astype(S.dtype)  # no longer the STFT of a signal
    for length in (None, 4000, 4999, 5100):
        ours, theirs = istft(S, **options, length=length), librosa.istft(S, **options, length=length)
        assert ours.dtype == dtype
        # An edge sample seen only through a tiny window value is unrecoverable: librosa divides all the same.
        edge = n_fft // 2
        inside = slice(None) if center and length != 5100 else slice(edge, 5000 - 2 * n_fft)
        assert ours.shape == theirs.shape
        assert relative_error(ours[..., inside], theirs[..., inside]) < tolerance("istft", dtype)


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize(("n_fft", "hop", "win"), SIZES)
def test_stft_matches_torch(n_fft, hop, win, pad_mode, rng):
    y = rng.standard_normal((2, 5000))
    torch_mode = "replicate" if pad_mode == "edge" else pad_mode
    w = torch.hann_window(win, dtype=torch.float64)
    theirs = torch.stft(torch.from_numpy(y), n_fft, hop, win, w, pad_mode=torch_mode, return_complex=True)
    assert relative_error(stft(y, n_fft, hop, win, pad_mode=pad_mode), theirs.numpy()) < 1e-12


def test_stft_matches_scipy(rng):
    y = rng.standard_normal(3000)
    w = scipy.signal.get_window("hann", 128)
    transform = scipy.signal.ShortTimeFFT(w, 32, fs=1.0, fft_mode="onesided", phase_shift=None)
    expected = transform.stft(y, p0=0, p1=90)  # frame p starts at sample 32 p - 64
    assert relative_error(stft(y, 128, 32)[:, :90], expected) < 1e-12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("n_fft", "hop", "win"), [(64, 16, 64), (64, 24, 64), (33, 10, 33), (128, 9, 40), (10, 10, 10)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_reconstruction_is_exact_to_the_edges(name, n_fft, hop, win, dtype, rng):
    y = rng.standard_normal(701).astype(dtype)
    w = window_values(name, win, n_fft)
    if min(sum(w[start::hop] ** 2) for start in range(hop)) < 1e-4:
        hop = win // 3
    S = stft(y, n_fft, hop, win, name)
    assert relative_error(istft(S, hop, win, n_fft, name, length=701), y) < tolerance("reconstruction", dtype)


def test_uncovered_samples_are_zero(rng):
    y = rng.standard_normal(400)
    back = istft(stft(y, 64, 32, center=False), 32, center=False)
    assert back[0] == 0.0  # the Hann window starts at zero
    np.testing.assert_allclose(back[1:], y[1 : len(back)], atol=1e-12)


def test_length_extends_with_zeros(rng):
    S = stft(rng.standard_normal(256), 64, 16)
    y = istft(S, 16, length=1000)
    assert y.shape == (1000,)
    assert not y[400:].any()


@pytest.mark.parametrize("n_fft", [64, 45])
def test_consistency_projector_is_idempotent_and_orthogonal(n_fft, rng):
    length = 1000
    shape = (1 + n_fft // 2, 1 + (length + 2 * (n_fft // 2) - n_fft) // 16)
    A, B = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape) for _ in range(2))
    a = bin_weights(n_fft)

    def project(S):
        return project_consistent(S, hop_length=16, n_fft=n_fft, length=length)

    def inner(P, Q):
        return float(np.sum(a * (P.conj() * Q).real))

    assert project(A).shape == shape
    assert relative_error(project(project(A)), project(A)) < 1e-12
    assert inner(A, project(B)) == pytest.approx(inner(project(A), B), rel=1e-10)
    assert inner(A - project(A), project(A)) == pytest.approx(0, abs=1e-9)


def test_bin_weights_give_parseval(rng):
    for n in (16, 17):
        y = rng.standard_normal(n)
        assert np.sum(bin_weights(n)[:, 0] * abs(np.fft.rfft(y)) ** 2) / n == pytest.approx(np.sum(y**2))
