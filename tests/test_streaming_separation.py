"""Separation of a stream: that of the whole file, however it is cut, as late as declared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from test_streaming_magnitudes import dictionary


def song(n, channels=2, dtype=np.float32):
    shape = (n,) if channels is None else (channels, n)
    return np.random.default_rng(n).uniform(-0.5, 0.5, shape).astype(dtype)


def separated(separator, y, sizes):
    parts, at, i = [], 0, 0
    while at < y.shape[-1]:
        size = sizes[i % len(sizes)]
        parts.append(separator.push(y[..., at : at + size]))
        assert all(part.shape == y[..., at : at + size].shape for part in parts[-1].values())
        at, i = at + size, i + 1
    parts.append(separator.flush())
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in separator.stems}


@given(
    n=st.integers(1, 900),
    sizes=st.lists(st.integers(0, 300), max_size=4).map(lambda sizes: [*sizes, 1 + sum(sizes)]),
    channels=st.sampled_from([None, 1, 2]),
    double=st.booleans(),
    phase=st.sampled_from(pw.ONLINE_METHODS),
)
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_samples(n, sizes, channels, double, phase):
    dtype = np.float64 if double else np.float32
    y = song(n, channels, dtype)
    separator = pw.StreamingSeparator(dictionary(), phase=phase, channels=channels or 1, dtype=dtype)
    whole = separated(separator, y, [n])
    again = separated(separator, y, sizes)
    late = separator.latency
    for name in separator.stems:
        assert whole[name].dtype == dtype
        assert whole[name].shape == (*y.shape[:-1], late + n)
        assert not whole[name][..., :late].any()
        assert np.array_equal(again[name], whole[name])
    total = sum(stem.astype(np.float64) for stem in whole.values())[..., late:]
    assert np.abs(total - y).max() <= np.finfo(dtype).eps


@pytest.mark.parametrize("kind", ["plain", "bands", "neighbours"])
def test_it_equals_the_separation_of_the_file(kind):
    d, y = dictionary(kind), song(24000)
    separator = pw.StreamingSeparator(d, channels=2)
    got = separated(separator, y, [1000])
    expected = pw.separate(y, d.sample_rate, model=d, phase="wiener")
    for name in d.stems:
        assert np.abs(got[name][:, separator.latency :] - expected[name]).max() < 2e-5


def test_it_equals_its_parts_on_the_whole_file():
    d, y = dictionary(), song(9000)
    separator = pw.StreamingSeparator(d, channels=2)
    got = separated(separator, y, [1000])
    X = pw.stft(y, n_fft=128, hop_length=32)
    magnitudes = pw.StreamingMagnitudes(d)
    V = np.concatenate([magnitudes.push(abs(X).mean(axis=0)), magnitudes.flush()], axis=-1)
    S = pw.wiener(X, np.broadcast_to(V, (2, *V.shape)), power=d.power)
    expected = pw.istft(S, hop_length=32, length=9000)
    for j, name in enumerate(d.stems):
        assert np.abs(got[name][:, separator.latency :] - expected[:, j]).max() < 1e-6


OFFLINE = {
    "anisotropic": lambda X, V: pw.anisotropic_wiener(X, V, hop_length=32),
    "PU-Iter": lambda X, V: pw.pu_iter(X, V, hop_length=32),
}


@pytest.mark.parametrize("phase", OFFLINE)
def test_frame_wise_phases_are_those_of_the_whole_file(phase):
    d, y = dictionary(), song(6000)
    separator = pw.StreamingSeparator(d, phase=phase, channels=2)
    got = separated(separator, y, [1000])
    X = pw.stft(y, n_fft=128, hop_length=32)
    V = d.magnitudes(abs(X).mean(axis=0))
    targets = abs(pw.wiener(X, np.broadcast_to(V, (2, *V.shape)), power=d.power))
    S = OFFLINE[phase](X, targets)
    expected = pw.istft(S + (X - S.sum(axis=1))[:, None] / 3, hop_length=32, length=6000)
    for j, name in enumerate(d.stems):
        late = got[name][:, separator.latency :]
        # A peak of the spectrum that rounding moves changes some frames that follow.
        assert np.linalg.norm(late - expected[:, j]) < 1e-2 * np.linalg.norm(expected[:, j])


@pytest.mark.parametrize("phase", pw.ONLINE_METHODS)
def test_an_impulse_is_as_late_as_declared(phase):
    separator = pw.StreamingSeparator(dictionary(), phase=phase)
    y = np.zeros(900, np.float32)
    y[300] = 1
    parts = [separator.push(y[i : i + 50]) for i in range(0, 900, 50)]
    for name in separator.stems:
        stem = np.concatenate([part[name] for part in parts])
        assert np.abs(stem).argmax() == 300 + separator.latency


def test_declared_latencies_and_names():
    assert pw.StreamingSeparator(dictionary("plain")).latency == 127
    assert pw.StreamingSeparator(dictionary()).latency == 127 + 2 * 32
    separator = pw.StreamingSeparator(fit_iterations=1)
    assert separator.latency == 4095 + 8 * 1024
    assert (separator.name, separator.sample_rate, separator.phase) == ("nmf-music4", 44100, "wiener")
    assert pw.StreamingSeparator(dictionary(), phase="WIENER").phase == "wiener"


def test_streams_start_anew():
    y = song(500)
    separator = pw.StreamingSeparator(dictionary(), channels=2)
    assert all(part.shape == (2, 0) for part in separator.flush().values())
    first = separated(separator, y, [60])
    separator.push(y)
    separator.reset()
    again = separated(separator, y, [60])
    assert all(np.array_equal(first[name], again[name]) for name in separator.stems)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"phase": "magic"}, "phase must be one of 'wiener'"),
        ({"lookahead": 2}, "lookahead is of no use to the method 'wiener'"),
        ({"channels": 0}, "channels must be"),
        ({"fit_iterations": 0}, "n_iter must be"),
        ({"dtype": np.int16}, "dtype must be"),
    ],
)
def test_bad_parameters_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.StreamingSeparator(dictionary(), **arguments)


def test_bad_blocks_are_explained():
    separator = pw.StreamingSeparator(dictionary(), channels=2)
    with pytest.raises(pw.ParameterError, match=r"block must have shape \(2, samples\) for channels=2"):
        separator.push(np.zeros(9, np.float32))
    with pytest.raises(pw.ParameterError, match="block must be floating-point, got dtype int16"):
        separator.push(np.zeros((2, 9), np.int16))
    with pytest.raises(pw.ParameterError, match="block has more precision than the stream"):
        separator.push(np.zeros((2, 9)))
