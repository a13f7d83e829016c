"""The Wiener filter of a stream is that of the whole, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw


def problem(n, channels=2, sources=3, dtype=np.float32, n_fft=128, hop=32):
    rng = np.random.default_rng(n)
    y = rng.standard_normal((channels, n)).astype(dtype)
    X = pw.stft(y, n_fft=n_fft, hop_length=hop)
    return y, X, rng.random((channels, sources, *X.shape[1:])).astype(dtype)


@given(
    n=st.integers(1, 900),
    sizes=st.lists(st.integers(0, 9), max_size=4).map(lambda sizes: [*sizes, 1]),
    power=st.sampled_from([0.0, 1.0, 1.5, 2.0]),
    double=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_bits_of_the_whole(n, sizes, power, double):
    y, X, V = problem(n, dtype=np.float64 if double else np.float32)
    stage = pw.OnlineWiener(3, 128, 32, power=power, channels=2)
    parts, at, i = [], 0, 0
    while at < X.shape[-1]:
        size = sizes[i % len(sizes)]
        parts.append(stage.push(X[..., at : at + size], V[..., at : at + size]))
        assert parts[-1].shape == (2, 3, 32 * min(size, X.shape[-1] - at))
        at, i = at + size, i + 1
    got = np.concatenate([*parts, stage.flush(n)], axis=-1)
    assert got.shape == (2, 3, stage.latency + n)
    assert not got[..., : stage.latency].any()
    expected = pw.istft(pw.wiener(X, V, power=power), hop_length=32, length=n)
    assert np.array_equal(got[..., stage.latency :], expected)
    assert np.abs(expected.sum(axis=1) - y).max() < 1e-5


def test_no_frames_and_memory_of_the_caller():
    _, X, V = problem(500)
    stage = pw.OnlineWiener(3, 128, 32, channels=2)
    assert stage.push(X[..., :0], V[..., :0]).shape == (2, 3, 0)
    whole = stage.push(X, V)
    stage.reset()
    out = np.zeros((2, 3, 600), np.float32)
    assert np.shares_memory(stage.push(X, V, out), out)
    assert np.array_equal(out[..., : whole.shape[-1]], whole)
    assert stage.latency == 64
    assert pw.OnlineWiener(2, 128, 32, window="hamming", center=False).latency == 0


def test_mistakes_are_explained():
    with pytest.raises(pw.ParameterError, match="hop_length must be at most 64 for n_fft=128"):
        pw.OnlineWiener(2, 128, 100, window="boxcar")
    with pytest.raises(pw.ParameterError, match="power must be"):
        pw.OnlineWiener(2, power=-1)
