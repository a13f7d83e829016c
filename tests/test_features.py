"""Powers, filters and logarithms that are fused with the transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from tolerances import relative_error, tolerance

DTYPES = [np.float32, np.float64]


def noise(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [0.3, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_powers(isa, power, dtype):
    y = noise((2, 4000), dtype)
    transform = pw.STFT(200, 50)
    result = transform.magnitude(y, power)
    assert result.dtype == dtype
    expected = np.abs(transform.analyze(y.astype(np.float64))) ** power
    assert relative_error(result, expected) < 4 * tolerance("stft", dtype)


def test_silence_has_power_zero():
    transform = pw.STFT(64)
    for power in (0.5, 1, 2, 2.5):
        assert not transform.magnitude(np.zeros(300, np.float32), power).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [1.0, 2.0, 0.7])
def test_filters(isa, threads, power, dtype):
    y = noise((2, 30000), dtype)
    transform = pw.STFT(512, 128)
    filters = pw.mel_filters(22050, 512, 40, dtype=dtype)
    result = transform.magnitude(y, power, filters=filters)
    expected = np.einsum("mf,bft->bmt", filters, transform.magnitude(y, power).astype(np.float64))
    assert result.shape == (2, 40, 235)
    assert relative_error(result, expected) < tolerance("stft", dtype)


@settings(max_examples=40)
@given(
    n_fft=st.integers(2, 70),
    count=st.integers(1, 9),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 99),
)
def test_any_filters(n_fft, count, dtype, seed):
    rng = np.random.default_rng(seed)
    filters = rng.standard_normal((count, n_fft // 2 + 1)) * (rng.random((count, n_fft // 2 + 1)) < 0.3)
    y = noise(200, dtype, seed)
    transform = pw.STFT(n_fft)
    result = transform.magnitude(y, filters=filters)
    expected = filters @ transform.magnitude(y).astype(np.float64)
    assert np.abs(result - expected).max() <= tolerance("stft", dtype) * np.abs(expected).max(initial=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms(isa, dtype):
    y = noise(20000, dtype)
    y[5000:9000] = 0
    transform = pw.STFT(256, 64)
    for filters in (None, pw.mel_filters(16000, 256, 20, dtype=dtype)):
        plain = transform.magnitude(y, 2, filters=filters)
        result = transform.magnitude(y, 2, filters=filters, log_floor=1e-6)
        expected = np.log(np.maximum(plain.astype(np.float64), 1e-6))
        assert relative_error(result, expected) < (3e-7 if dtype == np.float32 else 1e-15)
        assert result.min() == dtype(np.log(1e-6))


def test_out():
    y = noise((2, 3000))
    transform = pw.STFT(128)
    filters = pw.mel_filters(8000, 128, 10)
    out = np.full((2, 100, 10), np.nan).swapaxes(-1, -2)
    result = transform.magnitude(y, filters=filters, out=out)
    assert np.shares_memory(result, out)
    assert np.array_equal(result, transform.magnitude(y, filters=filters))
    assert np.isnan(out[..., result.shape[-1] :]).all()
    row_major = np.empty((2, 65, 94))
    transform.magnitude(y, out=row_major)
    assert np.array_equal(row_major, transform.magnitude(y))


def test_errors():
    y, transform = noise(1000), pw.STFT(64)
    cases = [
        ({"power": 0}, "power must be positive"),
        ({"log_floor": -1.0}, "log_floor must be positive"),
        ({"log_floor": 1e-320}, "log_floor must be at least"),
        ({"filters": np.ones((3, 32))}, "filters must have shape"),
        ({"filters": np.full((3, 33), np.nan)}, "filters must be finite"),
    ]
    for arguments, message in cases:
        with pytest.raises(pw.errors.ParameterError, match=message):
            transform.magnitude(y, **arguments)
    y[3] = np.inf
    for arguments in ({}, {"log_floor": 1e-3}, {"filters": np.zeros((2, 33)), "log_floor": 1e-3}):
        with pytest.raises(pw.errors.ParameterError, match=r"y must be finite.*\(3,\)"):
            transform.magnitude(y, **arguments)
