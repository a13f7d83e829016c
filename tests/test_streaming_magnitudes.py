"""The magnitudes of the stems in a stream: those of the whole, however it is cut, as late as declared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise._bands import band_edges
from phasewise._context import Neighbours
from phasewise.dictionary import Dictionary
from tolerances import relative_error

BINS = 65


def dictionary(kind="neighbours", beta=1.0, ranks=(3, 5, 2), seed=0):
    """Return a dictionary: plain, with bands, or with bands and neighbours."""
    rng = np.random.default_rng(seed)
    stems = ("low", "mid", "high")[: len(ranks)]
    edges = None if kind == "plain" else band_edges(128, 8000, full_below=1000, relative_width=0.2)
    rows = BINS if edges is None else len(edges) - 1
    W = {s: rng.random((rows, k)) ** 4 + 1e-3 for s, k in zip(stems, ranks, strict=True)}
    groups = ()
    if kind == "neighbours":
        coarse = np.array([0, 10, 30, BINS])
        groups = (
            Neighbours(-1, -1, coarse, 0.5),
            Neighbours(1, 2, coarse, 0.7),
            Neighbours(-4, -1, edges, 1.5),
            Neighbours(-1, 1, edges),
        )
    count = sum(group.bands for group in groups)
    context = {s: rng.random((count, k)) for s, k in zip(stems, ranks, strict=True)} if groups else {}
    options = {"edges": edges, "neighbours": groups, "context": context}
    return Dictionary(stems, W, 8000, 128, 32, beta=beta, n_iter=10, **options)


def frames(n, dtype=np.float32, seed=1):
    rng = np.random.default_rng(seed)
    V = rng.random((BINS, n)) ** 2 * 10 ** rng.uniform(-3, 3, n)
    V[:, 5:7] = 0
    return V.astype(dtype)


def cut(stream, V, sizes):
    parts, at, i = [], 0, 0
    while at < V.shape[-1]:
        size = sizes[i % len(sizes)]
        announced = stream.frames(min(size, V.shape[-1] - at))
        parts.append(stream.push(V[:, at : at + size]))
        assert parts[-1].shape[-1] == announced
        at, i = at + size, i + 1
    return np.concatenate([*parts, stream.flush()], axis=-1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("kind", "beta"), [("plain", 1), ("plain", 0), ("bands", 1), ("bands", 2), ("neighbours", 1)]
)
def test_they_are_those_of_the_whole_stream(isa, kind, beta, dtype):
    d, V = dictionary(kind, beta), frames(70, dtype)
    expected = d.magnitudes(V)
    for sizes in ([1], [70], [3, 40]):
        got = cut(pw.StreamingMagnitudes(d), V, sizes)
        assert got.dtype == dtype
        assert relative_error(got, expected) < (1e-4 if dtype == np.float32 else 1e-9)
        quiet = expected.max(axis=(0, 1)) > 0  # frame by frame, so that loud ones hide nothing
        scale = np.where(quiet, expected.max(axis=(0, 1)), 1)
        assert np.abs(got - expected).max(axis=(0, 1)).max() < scale.max()
        assert (np.abs(got - expected) / scale).max() < (1e-3 if dtype == np.float32 else 1e-8)


@given(
    kind=st.sampled_from(["plain", "bands", "neighbours"]),
    n=st.integers(0, 90),
    sizes=st.lists(st.integers(0, 50), max_size=4).map(lambda sizes: [*sizes, 1 + sum(sizes)]),
    double=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_bits(kind, n, sizes, double):
    stream, V = pw.StreamingMagnitudes(dictionary(kind)), frames(n, np.float64 if double else np.float32)
    whole = cut(stream, V, [max(1, n)])
    assert whole.shape == (3, BINS, n)
    assert np.array_equal(cut(stream, V, sizes), whole)


def test_frames_come_when_declared():
    stream = pw.StreamingMagnitudes(dictionary())
    assert (stream.lookahead, stream.latency) == (2, 64)
    V = frames(9)
    assert [stream.push(V[:, t : t + 1]).shape[-1] for t in range(9)] == [0, 0] + [1] * 7
    assert stream.flush().shape == (3, BINS, 2)
    assert pw.StreamingMagnitudes(dictionary("bands")).latency == 0


def test_the_packaged_dictionary_looks_ahead():
    stream = pw.StreamingMagnitudes("nmf-music4", n_iter=2)
    assert stream.stems == ("bass", "drums", "other", "vocals")
    assert (stream.lookahead, stream.latency, stream.n_iter) == (8, 8192, 2)
    V = np.random.default_rng(0).random((2049, 21), dtype=np.float32)
    got = np.concatenate([stream.push(V[:, :13]), stream.push(V[:, 13:]), stream.flush()], axis=-1)
    assert relative_error(got, stream.dictionary.magnitudes(V, n_iter=2)) < 1e-4


def test_reset_and_precision():
    stream, V = pw.StreamingMagnitudes(dictionary()), frames(20)
    whole = cut(stream, V, [20])
    stream.push(V[:, :7])
    stream.reset()
    assert np.array_equal(cut(stream, V, [20]), whole)
    assert stream.push(V.astype(np.float64)).dtype == np.float64
    assert stream.push(V).dtype == np.float64
    stream.reset()
    stream.push(V)
    with pytest.raises(pw.ParameterError, match="V has more precision than the stream, which is float32"):
        stream.push(V.astype(np.float64))
    assert pw.StreamingMagnitudes(dictionary(), dtype=np.float64).push(V).dtype == np.float64


@pytest.mark.parametrize(
    ("options", "V", "message"),
    [
        ({"n_iter": 0}, None, "n_iter must be"),
        ({"dtype": np.int16}, None, "dtype must be float32 or float64"),
        ({}, np.ones((64, 3)), r"V must have shape \(65, frames\), as n_fft=128"),
        ({}, np.ones((2, 65, 3)), r"V must have shape \(65, frames\)"),
        ({}, -np.ones((65, 3)), "V must be nonnegative"),
        ({}, np.full((65, 3), np.inf), "V must be finite"),
    ],
)
def test_mistakes_are_explained(options, V, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.StreamingMagnitudes(dictionary(), **options).push(V)
