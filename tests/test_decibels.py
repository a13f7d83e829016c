"""Decibels against librosa."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

import phasewise as pw

REFERENCES = [1.0, 0.01, -2.0, np.max, np.median, 0.0]


@pytest.mark.parametrize("name", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("ref", REFERENCES, ids=str)
@pytest.mark.parametrize("top_db", [80.0, None, 0.0, 30])
@pytest.mark.parametrize("amin", [1e-10, 1e-3])
def test_equals_librosa(name, dtype, ref, top_db, amin):
    levels = 10.0 ** np.linspace(-6, 4, 50)
    S = (np.random.default_rng(0).exponential(30, (2, 40, 50)) * levels).astype(dtype)
    S[0, 0, :3] = 0
    given = S.copy()
    actual = getattr(pw, name)(S, ref=ref, amin=amin, top_db=top_db)
    expected = getattr(librosa, name)(S.copy(), ref=ref, amin=amin, top_db=top_db)
    assert np.array_equal(S, given)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 if dtype != np.float32 else 3e-5)


@pytest.mark.parametrize("name", ["power_to_db", "amplitude_to_db", "db_to_power", "db_to_amplitude"])
def test_scalars_and_lists(name):
    for value in (0.5, 3, [1.0, 2.0], np.float32(0.5)):
        actual = getattr(pw, name)(value, ref=0.3)
        expected = getattr(librosa, name)(np.asarray(value) if isinstance(value, list) else value, ref=0.3)
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
        assert np.ndim(actual) == np.ndim(value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_and_inverse_equal_librosa(dtype):
    S = np.random.default_rng(0).exponential(1, (5, 6)).astype(dtype) + dtype(1e-3)
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    for to, back in (("power_to_db", "db_to_power"), ("amplitude_to_db", "db_to_amplitude")):
        decibels = getattr(pw, to)(S, ref=0.2, top_db=None)
        values = getattr(pw, back)(decibels, ref=0.2)
        assert values.dtype == dtype
        np.testing.assert_allclose(values, S, rtol=tolerance)
        np.testing.assert_allclose(values, getattr(librosa, back)(decibels, ref=0.2), rtol=tolerance)


def test_reference_per_channel():
    S = np.array([[1.0, 10.0], [100.0, 1000.0]])
    assert np.allclose(pw.power_to_db(S, ref=S[:, :1]), [[0, 10], [0, 10]])
    assert np.allclose(pw.power_to_db(S, ref=lambda s: s.max(axis=-1, keepdims=True)), [[-10, 0], [-10, 0]])


@pytest.mark.parametrize(
    ("name", "instead"), [("power_to_db", r"abs\(S\) \*\* 2"), ("amplitude_to_db", r"abs\(S\)")]
)
def test_complex_input_warns_as_in_librosa(name, instead):
    S = np.array([1 + 1j, 2j])
    with pytest.warns(UserWarning, match=f"complex values.*{instead}"):
        actual = getattr(pw, name)(S)
    with pytest.warns(UserWarning, match="complex"):
        expected = getattr(librosa, name)(S)
    np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_empty():
    assert pw.power_to_db(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("name", ["power_to_db", "amplitude_to_db"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amin": 0}, "amin must be positive, got 0"),
        ({"amin": -1e-5}, "amin"),
        ({"top_db": -5}, "top_db must be"),
    ],
)
def test_errors(name, options, message):
    for package in (librosa, pw):
        if package is librosa and name == "amplitude_to_db" and options == {"amin": -1e-5}:
            continue  # librosa squares it
        with pytest.raises(librosa.ParameterError, match=message if package is pw else None):
            getattr(package, name)(np.ones(3), **options)
