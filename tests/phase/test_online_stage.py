"""What all online objects share, tested with a state that holds every frame's first bin for a hop."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.phase.online._stage import MixtureStage, SourceStage


class Hold:
    """Each hop of samples is the first magnitude of its frame plus the first bin of the mixture."""

    def __init__(self, plan, late):
        self.plan, self.late, self.waiting = plan, late, None
        self.reset()

    def reset(self):
        self.received, self.waiting = 0, None

    def push(self, mixture, V, out):
        assert V.flags.c_contiguous
        assert mixture is None or mixture.flags.c_contiguous
        values = V[..., 0] + (0 if mixture is None else mixture[..., 0].real[:, None])
        if self.waiting is None:
            self.waiting = np.zeros((*values.shape[:2], self.late), V.dtype)
        held = np.concatenate([self.waiting, np.repeat(values, 16, axis=-1)], axis=-1)
        out[...], self.waiting = held[..., : out.shape[-1]], held[..., out.shape[-1] :]
        self.received += V.shape[2]

    def flush(self, length, out):
        assert out.shape[-1] == self.late + length - 16 * self.received
        n = min(self.late, out.shape[-1])
        out[..., :n], out[..., n:] = self.waiting[..., :n], 0
        self.reset()


class Both(MixtureStage):
    def __init__(
        self, n_sources=2, n_fft=64, hop_length=16, *, lookahead=1, center=True, channels=1, dtype=None
    ):
        super().__init__(n_sources, lookahead, n_fft, hop_length, None, "hamming", center, channels, dtype)

    def _make_state(self, plan, double):
        return Hold(plan, self.latency)


class One(SourceStage):
    def __init__(self, channels=1):
        super().__init__(0, 64, 16, None, "hann", True, channels, None)

    def _make_state(self, plan, double):
        return Hold(plan, self.latency)


def frames(n, channels=1, dtype=np.float64):
    generator = np.random.default_rng(n)
    V = generator.random((channels, 2, 33, n)).astype(dtype)
    return generator.standard_normal((channels, 33, n)).astype(np.result_type(dtype, np.complex64)), V


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("lookahead", [0, 3])
def test_results_are_late_by_the_latency_and_whole_in_the_end(center, lookahead):
    X, V = frames(9, channels=2)
    stage = Both(lookahead=lookahead, center=center, channels=2)
    assert stage.latency == 32 * center + 16 * lookahead
    expected = np.repeat(V[:, :, 0] + X[:, None, 0].real, 16, axis=-1)
    for length in (None, 150):
        parts = [stage.push(X[..., i : i + 3], V[..., i : i + 3]) for i in (0, 3, 6)]
        assert [part.shape for part in parts] == [(2, 2, 48)] * 3
        assert stage.received == 9
        y = np.concatenate([*parts, stage.flush(length)], axis=-1)
        assert not y[..., : stage.latency].any()
        assert y.shape[-1] == stage.latency + (length or (128 if center else 192))
        kept = min(y.shape[-1] - stage.latency, 144)
        assert np.array_equal(y[..., stage.latency : stage.latency + kept], expected[..., :kept])
        assert stage.received == 0


def test_axes_of_one_channel_and_one_source():
    X, V = frames(4)
    stage, one = Both(), One()
    assert stage.push(X[0], V[0]).shape == (2, 64)
    assert stage.push(X, V).shape == (1, 2, 64)
    assert stage.flush().shape[:2] == (1, 2)
    assert one.push(V[0, 0]).shape == (64,)
    assert one.push(V[:, 0]).shape == (1, 64)
    assert One(channels=3).push(np.ones((3, 33, 2))).shape == (3, 32)
    assert stage.push(X[0, :, :0], V[0, ..., :0]).shape == (2, 0)
    with pytest.raises(pw.ParameterError, match=r"magnitude_frames must have the shape of mixture_frames"):
        stage.push(X, V[0])


def test_memory_of_the_caller_is_used():
    X, V = frames(4, channels=2)
    expected = Both(channels=2).push(X, V)
    for out in (np.zeros((2, 2, 64)), np.zeros((2, 2, 70)), np.zeros((70, 2, 2)).T):
        got = Both(channels=2).push(X, V, out)
        assert np.shares_memory(got, out)
        assert np.array_equal(got, expected)
        assert not out[..., 64:].any()
    with pytest.raises(pw.ParameterError, match=r"out must have shape \(2, 2, 64\) \(or more"):
        Both(channels=2).push(X, V, np.zeros((2, 64)))


def test_precision_is_that_of_the_first_frames():
    X, V = frames(2, dtype=np.float32)
    stage = Both()
    assert stage.push(X, V).dtype == np.float32
    with pytest.raises(pw.ParameterError, match="mixture_frames or magnitude_frames has more precision"):
        stage.push(X, V.astype(np.float64))
    stage.reset()
    assert stage.push(X, V.astype(np.float64)).dtype == np.float64
    assert stage.push(X, V).dtype == np.float64
    assert Both(dtype=np.float64).push(X, V).dtype == np.float64


def test_bad_arguments_are_explained():
    X, V = frames(4)
    stage = Both()
    with pytest.raises(pw.ParameterError, match="the stream has no frames"):
        stage.flush()
    with pytest.raises(pw.ParameterError, match=r"mixture_frames must have 1 \+ n_fft // 2 = 33 bins"):
        stage.push(X[:, 1:], V[:, :, 1:])
    with pytest.raises(pw.ParameterError, match="axis of 2 sources at -3"):
        stage.push(X, V[:, :1])
    with pytest.raises(pw.ParameterError, match="magnitude_frames must be nonnegative"):
        stage.push(X, -V)
    with pytest.raises(pw.ParameterError, match="mixture_frames must be finite"):
        stage.push(np.full_like(X, np.inf), V)
    stage.push(X, V)
    with pytest.raises(pw.ParameterError, match="length must be at least 16, the number of samples"):
        stage.flush(7)
    assert stage.received == 4
    with pytest.raises(pw.ParameterError, match="lookahead must be an integer >= 0"):
        Both(lookahead=-1)
    with pytest.raises(pw.ParameterError, match="n_sources must be an integer >= 1"):
        Both(0)
    with pytest.raises(pw.ParameterError, match="without energy"):
        Both(hop_length=80)
    assert "Both(n_fft=64, hop_length=16, win_length=64, lookahead=1" in repr(stage)
