"""Refinement of a stream: any cut gives the same samples, as late as declared; they sum to the mixture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw

STEMS = ("voice", "rest", "drums")


def song(n, channels=2, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n,) if channels is None else (channels, n)
    stems = {name: rng.uniform(-0.3, 0.3, shape).astype(dtype) for name in STEMS}
    mixture = sum(stems.values()) + rng.uniform(-0.01, 0.01, shape).astype(dtype)
    return mixture, stems


def refined(refiner, mixture, stems, sizes):
    parts, at, i = [], 0, 0
    while at < mixture.shape[-1]:
        block = slice(at, at + sizes[i % len(sizes)])
        given_block = mixture[..., block]
        parts.append(refiner.push(given_block, {name: stem[..., block] for name, stem in stems.items()}))
        assert all(part.shape == given_block.shape for part in parts[-1].values())
        at, i = block.stop, i + 1
    parts.append(refiner.flush())
    return {name: np.concatenate([part[name] for part in parts], axis=-1) for name in refiner.stems}


def small(algo="wiener", **options):
    return pw.StreamingRefiner(STEMS, algo=algo, n_fft=128, hop_length=32, **options)


@given(
    n=st.integers(1, 700),
    sizes=st.lists(st.integers(0, 300), max_size=4).map(lambda sizes: [*sizes, 1 + sum(sizes)]),
    channels=st.sampled_from([None, 1, 2]),
    double=st.booleans(),
    algo=st.sampled_from(pw.ONLINE_METHODS),
)
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_samples(n, sizes, channels, double, algo):
    dtype = np.float64 if double else np.float32
    mixture, stems = song(n, channels, dtype)
    refiner = small(algo, channels=channels or 1, dtype=dtype)
    whole = refined(refiner, mixture, stems, [n])
    again = refined(refiner, mixture, stems, sizes)
    late = refiner.latency
    for name in STEMS:
        assert whole[name].dtype == dtype
        assert whole[name].shape == (*mixture.shape[:-1], late + n)
        assert not whole[name][..., :late].any()
        assert np.array_equal(again[name], whole[name])
    total = sum(whole[name].astype(np.float64) for name in STEMS)[..., late:]
    assert np.abs(total - mixture).max() <= np.finfo(dtype).eps


def test_the_wiener_filter_is_that_of_the_whole_file():
    mixture, stems = song(5000)
    refiner = small()
    with pytest.raises(pw.ParameterError, match=r"mixture_block must have shape \(1, n\)"):
        refiner.push(mixture, stems)
    refiner = small(channels=2)
    got = refined(refiner, mixture, stems, [777])
    X = pw.stft(mixture, n_fft=128, hop_length=32)
    V = abs(pw.stft(np.stack(list(stems.values()), axis=1), n_fft=128, hop_length=32))
    expected = pw.istft(pw.wiener(X, V), hop_length=32, length=5000)
    for j, name in enumerate(STEMS):
        assert np.abs(got[name][:, refiner.latency :] - expected[:, j]).max() < 1e-6
    offline = pw.refine(mixture, stems, 8000, algo="wiener", n_fft=128, hop_length=32)
    for name in STEMS:
        assert np.abs(got[name][:, refiner.latency :] - offline[name]).max() < 2e-6


def test_the_anisotropic_filter_is_that_of_the_whole_file():
    mixture, stems = song(5000)
    refiner = small("anisotropic", channels=2, kappa=2.0)
    got = refined(refiner, mixture, stems, [777])
    X = pw.stft(mixture, n_fft=128, hop_length=32)
    V = abs(pw.stft(np.stack(list(stems.values()), axis=1), n_fft=128, hop_length=32))
    expected = pw.istft(pw.anisotropic_wiener(X, V, kappa=2.0, hop_length=32), hop_length=32, length=5000)
    for j, name in enumerate(STEMS):
        late = got[name][:, refiner.latency :]
        assert np.linalg.norm(late - expected[:, j]) < 1e-2 * np.linalg.norm(expected[:, j])


@pytest.mark.parametrize("algo", pw.ONLINE_METHODS)
def test_an_impulse_is_as_late_as_declared(algo):
    refiner = small(algo, channels=1)
    mixture = np.zeros(900, np.float32)
    mixture[300] = 1
    parts = []
    for i in range(0, 900, 50):
        block = mixture[i : i + 50]
        parts.append(refiner.push(block, dict.fromkeys(STEMS, block / 3)))
    for name in STEMS:
        y = np.concatenate([part[name] for part in parts])
        assert np.abs(y).argmax() == 300 + refiner.latency
        assert y[300 + refiner.latency] == pytest.approx(1 / 3, abs=1e-4)


def test_declared_latencies():
    assert small().latency == 127
    assert pw.StreamingRefiner(["a", "b"]).latency == 2047


def test_streams_start_anew():
    mixture, stems = song(400)
    refiner = small(channels=2)
    assert all(part.shape == (2, 0) for part in refiner.flush().values())
    first = refined(refiner, mixture, stems, [60])
    refiner.push(mixture, stems)
    refiner.reset()
    again = refined(refiner, mixture, stems, [60])
    assert all(np.array_equal(first[name], again[name]) for name in STEMS)


def test_order_of_keys_does_not_matter():
    mixture, stems = song(400)
    refiner = small(channels=2)
    first = refined(refiner, mixture, stems, [60])
    again = refined(refiner, mixture, dict(reversed(stems.items())), [60])
    assert all(np.array_equal(first[name], again[name]) for name in STEMS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stems": []}, "stems must be different names"),
        ({"stems": "vocals"}, "stems must be different names"),
        ({"stems": ["a", "a"]}, "stems must be different names"),
        ({"algo": "magic"}, "algo must be one of 'wiener'"),
        ({"lookahead": 2}, "lookahead is of no use to the method 'wiener'"),
        ({"hop_length": 3000}, "hop_length"),
        ({"n_fft": 1}, "n_fft must be"),
        ({"channels": 0}, "channels must be"),
        ({"dtype": np.int16}, "dtype must be"),
        ({"power": -1}, "power must be"),
    ],
)
def test_bad_parameters_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.StreamingRefiner(**{"stems": STEMS, **arguments})


def test_bad_blocks_are_explained():
    mixture, stems = song(50)
    refiner = small(channels=2)
    with pytest.raises(
        pw.ParameterError, match="stem_blocks must have the keys voice, rest, drums, got voice"
    ):
        refiner.push(mixture, {"voice": mixture})
    with pytest.raises(
        pw.ParameterError, match=r"stem_blocks\['rest'\] must have the shape of mixture_block"
    ):
        refiner.push(mixture, {**stems, "rest": mixture[:, 1:]})
    with pytest.raises(pw.ParameterError, match="mixture_block must be floating-point"):
        refiner.push(np.zeros((2, 50), np.int16), stems)
    with pytest.raises(pw.ParameterError, match=r"stem_blocks\['rest'\] must be finite"):
        refiner.push(mixture, {**stems, "rest": np.full_like(mixture, np.nan)})
    with pytest.raises(pw.ParameterError, match="more precision than the stream"):
        refiner.push(mixture, {**stems, "rest": mixture.astype(np.float64)})
    with pytest.raises(pw.ParameterError, match=r"mixture_block must have shape \(2, n\)"):
        refiner.push(mixture[0], {name: stem[0] for name, stem in stems.items()})
    assert all(part.shape == (2, 50) for part in refiner.push(mixture, stems).values())
