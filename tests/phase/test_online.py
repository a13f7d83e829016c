"""Online inversion: its twin, any split of a stream, its latency, and what it reaches."""

from __future__ import annotations

import doctest
import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.phase.online import inversion, single
from phasewise.phase.registry import ALGORITHMS, SINGLE_SOURCE
from phasewise.reference.online import online_inversion
from tolerances import relative_error, tolerance

MIXED = [name for name, entry in ALGORITHMS.items() if entry.online]
ALONE = [name for name, entry in SINGLE_SOURCE.items() if entry.online]
STARTS = ["mixture", "wiener", "sinusoidal", "overlap"]
DTYPES = [np.float64, np.float32]
SINE = np.sin(np.pi * (np.arange(64) + 0.5) / 64)
PULLED = {"algo": "Mix+Incons", "consistency_weight": 4.0}


def frames(n, sources=3, n_fft=64, channels=None, dtype=np.float64, seed=0):
    """Return a random mixture and magnitudes of n frames."""
    generator = np.random.default_rng(seed)
    leading = () if channels is None else (channels,)
    shape = (*leading, n_fft // 2 + 1, n)
    X = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    V = generator.random((*leading, sources, *shape[-2:]))
    return X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype)


def whole(stage, *arrays, length=None, sizes=(10**9,)):
    """Return the samples of a stream cut into blocks of ``sizes``, after checking its beginning."""
    parts, begin = [], 0
    for size in itertools.cycle(sizes):
        if begin >= arrays[-1].shape[-1]:
            break
        parts.append(stage.push(*(array[..., begin : begin + size] for array in arrays)))
        begin += size
    y = np.concatenate([*parts, stage.flush(length)], axis=-1)
    assert not y[..., : stage.latency].any()
    return y[..., stage.latency :]


def song(seconds=1.0, rate=16000):
    """Return notes, a voice and knocks, as sources and spectra (512/128)."""
    generator = np.random.default_rng(1)
    t = np.arange(int(seconds * rate)) / rate
    notes = sum(
        np.sin(2 * np.pi * f * k * t) / k * np.exp(-4 * (t % 0.25)) for f in (196, 247) for k in range(1, 9)
    )
    vibrato = 2 * np.pi * 310 * t + 3 * np.sin(2 * np.pi * 5 * t)
    voice = sum(np.sin(k * vibrato) / k for k in range(1, 12)) * (0.6 + 0.4 * np.sin(2 * np.pi * 2 * t))
    knocks = generator.standard_normal(t.size) * np.exp(-30 * (t % 0.2))
    sources = np.stack([notes, voice, knocks])
    return sources, pw.stft(sources, n_fft=512)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", STARTS)
@pytest.mark.parametrize("algo", MIXED)
def test_twin(isa, algo, init, dtype):
    X, V = frames(9, dtype=dtype)
    for lookahead in (0, 2):
        options = {"lookahead": lookahead, "n_iter": 2, "init": init}
        y = whole(pw.OnlineInversion(3, 64, algo=algo, **options), X, V)
        expected = online_inversion(X, V, algo, **options)
        assert y.dtype == dtype
        assert relative_error(y, expected) < (1e-10 if dtype == np.float64 else 2e-2)


@pytest.mark.parametrize(
    ("options", "twin"),
    [
        ({"n_fft": 63, "hop_length": 20}, {"n_fft": 63, "hop_length": 20}),
        ({"n_fft": 64, "hop_length": 32, "window": SINE}, {"hop_length": 32, "window": SINE}),
        ({"n_fft": 64, "center": False, "window": "hamming"}, {"center": False, "window": "hamming"}),
        ({"n_fft": 64, "mixing_weights": 1.5}, {"weights": 1.5}),
        ({"n_fft": 64, "mixing_weights": [1, 0, 3]}, {"weights": [1, 0, 3]}),
        ({"n_fft": 64, "relaxation": 0.6}, {"relaxation": 0.6}),
        ({"n_fft": 64} | PULLED, PULLED),
    ],
)
@pytest.mark.parametrize("length", [None, 100, 190])
@pytest.mark.parametrize("lookahead", [0, 1, 12])
def test_twin_with_options(options, twin, length, lookahead):
    n_fft = options["n_fft"]
    X, V = frames(9, n_fft=n_fft)
    hop = options.get("hop_length", n_fft // 4)
    least = 9 * hop - lookahead * hop - (n_fft // 2 if options.get("center", True) else 0)
    if length is not None:
        length = max(length, least)
    shared = {"lookahead": lookahead, "n_iter": 2, "init": "mixture"}
    y = whole(pw.OnlineInversion(3, **options, **shared), X, V, length=length)
    expected = online_inversion(X, V, **({"algo": "RAAR"} | twin | shared), length=length)
    assert relative_error(y, expected) < 1e-10


@pytest.mark.parametrize("last", ["mix", "mag"])
def test_orders_of_misi(last):
    X, V = frames(9)
    y = whole(pw.OnlineMISI(3, 64, lookahead=2, n_iter=3, last=last), X, V)
    assert relative_error(y, online_inversion(X, V, lookahead=2, n_iter=3, last=last)) < 1e-10


@pytest.mark.parametrize("init", ["overlap", "sinusoidal"])
@pytest.mark.parametrize("algorithm", ALONE)
def test_twin_of_one_source(isa, algorithm, init):
    _, V = frames(9, sources=1)
    twin = {"gla": ("gla", {}), "fgla": ("gla", {"momentum": 0.7}), "admm": ("RRR", {"relaxation": 1.0})}
    name, options = twin.get(algorithm, (algorithm.upper(), {}))
    for lookahead in (0, 3):
        shared = {"lookahead": lookahead, "n_iter": 2, "init": init}
        y = whole(pw.RTISILA(64, algorithm=algorithm, momentum=0.7, **shared), V[0])
        assert relative_error(y, online_inversion(None, V, name, **shared, **options)[0]) < 1e-10


@given(
    algo=st.sampled_from(MIXED),
    lookahead=st.integers(0, 5),
    init=st.sampled_from(STARTS),
    channels=st.integers(1, 3),
    n=st.integers(1, 12),
    sizes=st.lists(st.integers(0, 4), max_size=4).map(lambda sizes: [*sizes, 1]),
    hop=st.integers(3, 16),
    double=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_split_and_channels_side_by_side_give_the_same_bits(
    algo, lookahead, init, channels, n, sizes, hop, double
):
    X, V = frames(n, 2, 32, channels, np.float64 if double else np.float32, n)
    options = {"algo": algo, "lookahead": lookahead, "init": init, "n_iter": 2}
    stage = pw.OnlineInversion(2, 32, hop, channels=channels, **options)
    y = whole(stage, X, V)
    assert np.isfinite(y).all()
    assert np.array_equal(whole(stage, X, V, sizes=sizes), y)
    alone = pw.OnlineInversion(2, 32, hop, **options)
    for c in range(channels):
        assert np.array_equal(whole(alone, X[c], V[c]), y[c])


def test_an_impulse_comes_when_declared():
    for lookahead, center in ((0, True), (2, True), (1, False)):
        transform = {"n_fft": 64, "hop_length": 16, "window": "hamming", "center": center}
        delays = []
        for at in range(100, 116):
            analysis = pw.StreamingSTFT(**transform)
            stage = pw.OnlineMISI(2, lookahead=lookahead, n_iter=1, **transform)
            arrived = []
            for i in range(400):
                X = analysis.push(np.array([float(i == at)]))
                sources = stage.push(X, np.stack([0.3 * np.abs(X), 0.7 * np.abs(X)]))
                arrived += [(i, sum(sample)) for sample in sources.T]
            values = np.array([value for _, value in arrived])
            position = stage.latency + at
            assert np.abs(values - (np.arange(values.size) == position)).max() < 1e-12
            delays.append(arrived[position][0] - at)
        assert max(delays) == analysis.latency + stage.latency


@pytest.mark.parametrize("algo", MIXED)
def test_a_stream_within_the_window_is_inverted_as_a_whole(algo):
    sources, S = song(0.05)
    X, V = S.sum(axis=0), np.abs(S)
    n, length = S.shape[-1], sources.shape[-1]
    y = whole(
        pw.OnlineInversion(3, 512, algo=algo, lookahead=n, n_iter=2, init="mixture"), X, V, length=length
    )
    rounds = 2 * n - (ALGORITHMS[algo].update == "reflection")
    offline = pw.spectrogram_inversion(X, V, algo, n_iter=rounds, init="mixture", length=length)
    assert relative_error(y, pw.istft(offline, length=length)) < 1e-9


def test_one_source_within_the_window_is_griffin_lim():
    _, V = frames(6, sources=1)
    y = whole(pw.RTISILA(64, lookahead=6, n_iter=2, init="sinusoidal"), V[0])
    offline = pw.griffinlim(V[0], n_iter=12, n_fft=64, algorithm="gla", init="sinusoidal")
    assert relative_error(y, offline) < 1e-10


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("algo", [name for name in MIXED if ALGORITHMS[name].exact_mixture])
def test_sources_sum_to_the_mixture(algo, dtype):
    sources, S = song(0.4)
    S = S.astype(np.result_type(dtype, np.complex64))
    stage = pw.OnlineInversion(3, 512, algo=algo, mixing_weights=0.5)
    y = whole(stage, S.sum(axis=0), np.abs(S), length=sources.shape[-1])
    assert relative_error(y.sum(axis=0), sources.sum(axis=0)) < 10 * tolerance("sum", dtype)


def test_one_source_of_a_mixture_is_the_mixture():
    sources, S = song(0.2)
    for algo in ("MISI", "RAAR"):
        y = whole(pw.OnlineInversion(1, 512, algo=algo), S[0], 0.5 * np.abs(S[:1]), length=sources.shape[-1])
        assert relative_error(y[0], sources[0]) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", STARTS)
def test_silence_is_finite(init, dtype):
    X, V = frames(12, dtype=dtype)
    X[:, :4] = 0
    V[..., 2:6] = 0
    V[0] = 0
    for algo in MIXED:
        y = whole(pw.OnlineInversion(3, 64, algo=algo, init=init), X, V)
        assert np.isfinite(y).all()
        assert not whole(pw.OnlineInversion(3, 64, algo=algo, init=init), 0 * X, 0 * V).any()
    assert np.isfinite(whole(pw.RTISILA(64), V[1])).all()


def scores(sources, y):
    return float(np.mean(pw.metrics.si_sdr(sources, y)))


def test_lookahead_and_reflections_pay():
    sources, S = song()
    X, V, length = S.sum(axis=0), np.abs(S), sources.shape[-1]

    def online(algo, lookahead):
        return scores(
            sources,
            whole(pw.OnlineInversion(3, 512, algo=algo, lookahead=lookahead, n_iter=5), X, V, length=length),
        )

    def offline(algo, n_iter):
        S = pw.spectrogram_inversion(X, V, algo, n_iter=n_iter, length=length)
        return scores(sources, pw.istft(S, length=length))

    misi = [online("MISI", lookahead) for lookahead in (0, 1, 2)]
    raar = [online("RAAR", lookahead) for lookahead in (0, 1, 2)]
    assert offline("MISI", 100) > misi[2] > misi[1] > misi[0] > offline("AM", 1)
    assert all(r > m + 1 for r, m in zip(raar, misi, strict=True))


def test_griffin_lim_with_lookahead_pays():
    _, S = song()
    V = np.abs(S[1])

    def convergence(**options):
        y = whole(pw.RTISILA(512, n_iter=5, **options), V)
        return float(pw.metrics.spectral_convergence(V, np.abs(pw.stft(y, n_fft=512))))

    errors = [convergence(lookahead=lookahead) for lookahead in (0, 1, 3)]
    assert errors[0] > errors[1] > errors[2]


def test_flush_and_reset_start_anew():
    X, V = frames(9, channels=2)
    stage = pw.OnlineMISI(3, 64, lookahead=2, channels=2)
    y = whole(stage, X, V)
    stage.push(X, V)
    stage.reset()
    assert np.array_equal(whole(stage, X, V), y)


def test_bad_arguments_are_explained():
    for algo, reason in (
        ("AM", "neither iterations nor look-ahead"),
        ("Mag_hardMix", "StreamingISTFT"),
        ("Mag(KL)_hardMix", "StreamingISTFT"),
        ("Incons_hardMix", "one step reaches"),
        ("auto", "the whole signal; 'RAAR'"),
    ):
        with pytest.raises(
            pw.ParameterError, match=f"algo must be one of 'MISI', .* got '{re.escape(algo)}': .*{reason}"
        ):
            pw.OnlineInversion(2, algo=algo)
    for options, message in (
        ({"algo": "TUSI"}, "algo must be one of"),
        (
            {"init": "random"},
            "init must be one of 'mixture', 'wiener', 'sinusoidal', 'overlap'; got 'random'",
        ),
        ({"n_iter": 0}, "n_iter must be an integer >= 1"),
        ({"relaxation": 3}, "relaxation must be a finite number in"),
        ({"algo": "MISI", "relaxation": 0.5}, "relaxation belongs to 'RRR' and 'RAAR'"),
        ({"mixing_weights": "refreshed"}, "mixing_weights='refreshed' follows every source"),
        ({"mixing_weights": [1, 2, 3]}, "2 nonnegative weights, one per source"),
        ({"mixing_weights": -1}, "mixing_weights must be a finite number in"),
        ({"consistency_weight": -1}, "consistency_weight must be a finite number"),
    ):
        with pytest.raises(pw.ParameterError, match=message):
            pw.OnlineInversion(2, **options)
    with pytest.raises(pw.ParameterError, match="last must be one of 'mix', 'mag'"):
        pw.OnlineMISI(2, last="sum")
    with pytest.raises(
        pw.ParameterError, match="algorithm must be one of 'gla', 'fgla', 'admm', 'rrr', 'raar'"
    ):
        pw.RTISILA(algorithm="bregman")
    with pytest.raises(pw.ParameterError, match="relaxation belongs to the reflections"):
        pw.RTISILA(relaxation=0.5)


def test_defaults():
    assert [pw.OnlineMISI(2, lookahead=k).n_iter for k in (0, 1, 2, 20)] == [15, 7, 5, 1]
    assert pw.OnlineMISI(2, 2048, 512, lookahead=1).latency == 1536
    assert pw.RTISILA().n_iter == 8
    assert "lookahead=3" in repr(pw.RTISILA())


@pytest.mark.parametrize("module", [inversion, single], ids=lambda module: module.__name__)
def test_examples_of_the_documentation(module):
    result = doctest.testmod(module)
    assert result.attempted > 4
    assert result.failed == 0
