"""Arrays that lie anywhere in memory give the same bits, without a copy of them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw

TRANSFORM = pw.STFT(64, 16)


def noise(shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def layouts(array):
    """Yield arrays with the same values and other strides."""
    yield array[..., ::-1].copy()[..., ::-1]
    yield np.repeat(array, 3, axis=-1)[..., ::3]
    yield np.asfortranarray(array)
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 0)), 0, -1)
    yield np.concatenate((array, array), axis=0)[: len(array)]
    yield array[::-1].copy()[::-1]


@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge"])
@pytest.mark.parametrize("samples", [1, 20, 64, 65, 700, 5003])
def test_signals(threads, samples, pad_mode):
    y = noise((2, 3, samples))
    transform = pw.STFT(64, 16, pad_mode=pad_mode)
    expected, magnitudes = transform.analyze(y), transform.magnitude(y)
    for given_y in layouts(y):
        assert np.array_equal(given_y, y)
        assert np.array_equal(transform.analyze(given_y), expected)
        assert np.array_equal(transform.magnitude(given_y), magnitudes)


@settings(max_examples=60)
@given(
    n_fft=st.integers(1, 80),
    hop=st.integers(1, 300),
    samples=st.integers(1, 900),
    center=st.booleans(),
    pad_mode=st.sampled_from(["constant", "reflect", "edge"]),
    step=st.sampled_from([-3, -1, 2, 5]),
)
def test_any_stride(n_fft, hop, samples, center, pad_mode, step):
    samples = samples if center else max(samples, n_fft)
    y = np.repeat(noise(samples), abs(step))[::step]
    transform = pw.STFT(n_fft, hop, window=np.ones(n_fft), center=center, pad_mode=pad_mode)
    assert np.array_equal(transform.analyze(y), transform.analyze(y.copy()))


def test_broadcast_and_empty_batches():
    y = np.broadcast_to(noise(500), (4, 500))
    assert np.array_equal(TRANSFORM.analyze(y), TRANSFORM.analyze(y.copy()))
    assert TRANSFORM.analyze(np.empty((0, 3, 500), np.float32)).shape == (0, 3, 33, 32)
    assert TRANSFORM.synthesize(np.empty((0, 33, 32), np.complex64)).shape == (0, 496)


@pytest.mark.parametrize("frames", [2, 15, 16, 17, 200])
def test_spectra(threads, frames):
    S = TRANSFORM.analyze(noise((2, 3, 16 * (frames - 1) + 1)))
    signal, projected = TRANSFORM.synthesize(S), TRANSFORM.project_consistent(S)
    for given_S in layouts(S):
        assert np.array_equal(TRANSFORM.synthesize(given_S), signal)
        assert np.array_equal(TRANSFORM.project_consistent(given_S), projected)


def test_projecting_in_place():
    S = TRANSFORM.analyze(noise((2, 4000))) * np.complex64(1j)
    expected = TRANSFORM.project_consistent(S)
    result = TRANSFORM.project_consistent(S, out=S)
    assert np.shares_memory(result, S)
    assert np.array_equal(S, expected)


def test_unaligned_and_swapped_bytes():
    y = noise((2, 500), np.float64)
    packed = np.zeros(1000, dtype=[("pad", "u1"), ("value", "f8")])
    packed["value"] = y.ravel()
    expected = TRANSFORM.analyze(y)
    assert np.array_equal(TRANSFORM.analyze(packed["value"].reshape(2, 500)), expected)
    assert np.array_equal(TRANSFORM.analyze(y.astype(">f8")), expected)
    assert np.array_equal(TRANSFORM.synthesize(expected.astype(">c16")), TRANSFORM.synthesize(expected))


def test_interleaved_stereo_is_not_copied():
    y = noise((200_000, 2)).T
    out = np.empty((2, 12501, 33), np.complex64).swapaxes(-1, -2)
    TRANSFORM.analyze(y, out=out)
    tracemalloc.start()
    TRANSFORM.analyze(y, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < y.nbytes / 10
