"""What the transform says about bad input."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw


def noise(shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 0}, "n_fft must be an integer >= 1, got 0"),
        ({"n_fft": 20.5}, "n_fft must be an integer"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1, got 0"),
        ({"hop_length": -3}, "hop_length must be an integer >= 1, got -3"),
        ({"win_length": 0}, "win_length must be an integer >= 1"),
        ({"win_length": 4096}, "win_length must be at most n_fft=2048, got 4096"),
        (
            {"center": False, "n_fft": 8192},
            "y has 5000 samples, but n_fft=8192 with center=False needs at least 8192",
        ),
        (
            {"pad_mode": "sideways"},
            "pad_mode must be one of 'constant', 'reflect', 'edge', .*; got 'sideways'",
        ),
        ({"window": "hat"}, "window must be one of barthann"),
        ({"window": ("kaiser",)}, "wrong parameters"),
        ({"window": np.ones(7)}, r"window must have shape \(2048,\)"),
        ({"window": np.zeros(2048)}, "all its values are zero"),
        ({"window": np.full(2048, np.nan)}, "window must be finite"),
        ({"dtype": np.int32}, "dtype must be complex64 or complex128, got int32"),
    ],
)
def test_bad_parameters_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.stft(np.zeros(5000), **arguments)


def test_bad_arrays_are_explained():
    with pytest.raises(pw.ParameterError, match=r"y must be finite, but has 2 NaN.*index \(3,\)"):
        pw.stft(np.r_[0.0, 1, 2, np.nan, np.inf], n_fft=4)
    with pytest.raises(
        pw.ParameterError, match="y must be a real float32 or float64 array, got dtype object"
    ):
        pw.stft(np.full(100, None), n_fft=4)
    with pytest.raises(pw.ParameterError, match="y must be floating-point, got dtype int16"):
        pw.STFT(4).magnitude(np.zeros(100, np.int16))
    with pytest.raises(
        pw.ParameterError, match="y must be a real float32 or float64 array, got dtype complex128"
    ):
        pw.STFT(4).magnitude(np.zeros(100, complex))
    with pytest.raises(pw.ParameterError, match="y has 0 samples"):
        pw.stft(np.zeros(0), n_fft=4)
    with pytest.raises(pw.ParameterError, match="S must have 1 \\+ n_fft // 2 = 33 bins"):
        pw.istft(np.zeros((40, 5), complex), n_fft=64)
    with pytest.raises(pw.ParameterError, match="at least one frame"):
        pw.istft(np.zeros((33, 0), complex))
    with pytest.raises(pw.ParameterError, match="at least 2 axes"):
        pw.istft(np.zeros(33, complex))
    with pytest.raises(pw.ParameterError, match="length must be an integer >= 1"):
        pw.istft(np.zeros((33, 5), complex), length=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_every_sample_and_bin_that_is_not_finite_is_found(threads, bad):
    transform = pw.STFT(32, 8)
    S = transform.analyze(noise((2, 200)))
    for i in (0, 1, 16, 100, 198, 199):
        y = noise((2, 200))
        y[1, i] = bad
        for function in (transform.analyze, transform.magnitude, pw.STFT(32, 50, center=False).analyze):
            with pytest.raises(pw.ParameterError, match=rf"y must be finite, but has 1 .* \(1, {i}\)"):
                function(y)
    for k, t in ((0, 0), (1, 3), (16, 25), (9, 12)):
        spoilt = S.copy()
        spoilt[1, k, t] = bad
        for function in (transform.synthesize, transform.project_consistent):
            with pytest.raises(pw.ParameterError, match=rf"S must be finite, but has 1 .* \(1, {k}, {t}\)"):
                function(spoilt)
