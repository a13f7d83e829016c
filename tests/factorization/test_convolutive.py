"""Convolutive factorisation: the twin, the plain factorisation, monotone costs, and a drum machine."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import nmfd as twin
from phasewise.reference.nmf import divergence
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]


def problem(rng, dtype=np.float64, freq=21, frames=50, rank=3, taps=4):
    W, H = rng.uniform(0.1, 1, (rank, freq, taps)), rng.uniform(0, 1, (rank, frames)) ** 3
    V = twin.model(W, H) * rng.uniform(0.5, 1.5, (freq, frames)) + 1e-3
    start = rng.uniform(0.1, 1, W.shape), rng.uniform(0.1, 1, H.shape)
    return tuple(a.astype(dtype) for a in (V, *start))


def drums(rng):
    """A kick, a snare, a hat and a falling tone, each at its own rhythm: spectrogram, templates, strokes."""
    f, t = np.arange(64)[:, None], np.arange(10)
    kick, hat = np.exp(-f / 4 - t / 4), (f > 35) * np.exp(-t)
    snare = np.exp(-(((f - 20) / 12) ** 2) - t / 2) * (1 + 0.5 * np.cos(f))
    tom = np.exp(-(((f - 40 + 3 * t) / 3) ** 2))
    strokes = np.zeros((4, 300))
    for k, period in enumerate((24, 31, 11, 43)):
        strokes[k, 3 * k :: period] = rng.uniform(0.5, 1, len(strokes[k, 3 * k :: period]))
    W = np.stack([kick, snare, hat, tom])
    V = pw.nmfd_parts(W, strokes).sum(axis=0) * rng.gamma(20, 0.05, (64, 300)) + 1e-4
    return V, W, strokes


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("taps", [1, 4, 60])
@pytest.mark.parametrize("beta", BETAS)
def test_follows_the_twin(beta, taps, dtype, rng):
    V, W, H = problem(rng, dtype, taps=taps)
    W1, H1, cost = pw.nmfd(V, 3, taps, beta=beta, n_iter=10, W=W, H=H, l1_H=0.1, return_cost=True)
    W2, H2, expected = twin.nmfd(V, W, H, beta, 10, 0.1)
    assert W1.dtype == H1.dtype == dtype
    assert relative_error(twin.model(W1, H1), twin.model(W2, H2)) < tolerance("nmf", dtype)
    np.testing.assert_allclose(cost, expected, rtol=tolerance("nmf", dtype))


@pytest.mark.parametrize("beta", BETAS)
def test_one_tap_is_the_plain_factorisation(beta, rng):
    V, W, H = problem(rng, taps=1)
    W1, H1 = pw.nmfd(V, 3, 1, beta=beta, n_iter=20, W=W, H=H)
    W2, H2 = pw.nmf(V, 3, beta=beta, n_iter=20, W=W[..., 0].T, H=H)
    assert relative_error(W1[..., 0].T @ H1, W2 @ H2) < tolerance("nmf", np.float64)


@pytest.mark.parametrize("beta", BETAS)
def test_cost_never_increases(beta, rng):
    V = problem(rng)[0]
    V[:, 10:20], V[3] = 0, 0
    for penalty in (0.0, 0.5):
        cost = pw.nmfd(V, 3, 5, beta=beta, n_iter=100, l1_H=penalty, rng=0, return_cost=True)[2]
        assert (np.diff(cost) <= tolerance("monotone", np.float64) * abs(cost[0])).all()
        assert cost[-1] < 0.9 * cost[0]


def test_it_learns_drums_from_their_mixture(rng):
    V, templates, strokes = drums(rng)
    runs = [pw.nmfd(V, 4, 10, n_iter=200, rng=seed, return_cost=True) for seed in range(8)]
    W, H, cost = min(runs, key=lambda run: run[2][-1])
    truth = pw.nmfd_parts(templates, strokes)
    assert cost[-1] < 1.2 * divergence(V, truth.sum(axis=0) + 1e-4, 1.0)
    parts = pw.nmfd_parts(W, H)
    norms = [np.linalg.norm(p, axis=(1, 2)) for p in (parts, truth)]
    cosines = np.einsum("aft,bft->ab", parts, truth) / np.outer(*norms)
    owner = cosines.argmax(axis=0)
    assert sorted(owner) == [0, 1, 2, 3]
    assert cosines.max(axis=0).min() > 0.98
    plain = pw.nmf(V, 4, n_iter=120, rng=0, return_cost=True)[2][-1]
    assert cost[-1] < 0.2 * plain


def test_known_templates_tell_when_they_are_played(rng):
    V, templates, strokes = drums(rng)
    W, H = pw.nmfd(V, 4, 10, W=templates, update_W=False, n_iter=300, rng=0)
    np.testing.assert_array_equal(W, templates)
    assert ((H > 0.25) == (strokes > 0.25)).mean() > 0.99
    W2, H2 = pw.nmfd(V, 4, 10, H=strokes, update_H=False, n_iter=300, rng=0)
    np.testing.assert_array_equal(H2, strokes)
    assert relative_error(W2, templates) < 0.3
    sparse = pw.nmfd(V, 4, 10, W=templates, update_W=False, l1_H=2.0, n_iter=300, rng=0)[1]
    assert sparse.sum() < 0.95 * H.sum()


def test_parts_add_up_to_the_model_and_feed_the_wiener_filter(rng):
    y = rng.standard_normal(8000)
    X = pw.stft(y, n_fft=256)
    W, H = pw.nmfd(abs(X), 3, 4, n_iter=10, rng=0)
    parts = pw.nmfd_parts(W, H)
    assert parts.shape == (3, *X.shape)
    assert relative_error(parts.sum(axis=0), twin.model(W, H)) < 1e-12
    assert relative_error(pw.wiener(X, parts).sum(axis=0), X) < 1e-9


def test_seeds_and_start(rng):
    V = problem(rng, np.float32, frames=400)[0]
    first, again, other = (pw.nmfd(V, 3, 4, n_iter=2, rng=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    W, H = pw.nmfd(V, 3, 4, n_iter=0, rng=0)
    assert pw.nmfd_parts(W, H).sum(axis=0).mean() == pytest.approx(V.mean(), rel=0.2)
    for silence in (np.zeros((5, 8)), np.zeros((5, 8), np.float32)):
        assert all(np.isfinite(a).all() for a in pw.nmfd(silence, 2, 3, n_iter=3, rng=0))


def test_the_callback_can_stop_it(rng):
    seen = []
    pw.nmfd(problem(rng)[0], 2, 3, n_iter=4, callback=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1.0]
    with pytest.raises(pw.Cancelled, match="nmfd was stopped"):
        pw.nmfd(problem(rng)[0], 2, 3, callback=lambda fraction: False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"V": np.ones((2, 5, 8))}, "V must be one matrix .* one channel at a time"),
        ({"V": np.ones((0, 8))}, "V must be one matrix"),
        ({"V": -np.ones((5, 8))}, "V must be nonnegative"),
        ({"n_components": 0}, "n_components must be"),
        ({"n_taps": 0}, "n_taps must be"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"beta": np.inf}, "beta must be"),
        ({"l1_H": -1}, "l1_H must be"),
        ({"update_W": False}, "update_W=False keeps W as it is"),
        ({"update_H": False}, "update_H=False keeps H as it is"),
        ({"update_H": False, "update_W": False}, "nothing is left to learn"),
        ({"W": np.ones((5, 2, 3))}, r"W must have shape \(n_components, freq, n_taps\) = \(2, 5, 3\)"),
        ({"H": np.ones((8, 2))}, r"H must have shape \(n_components, frames\) = \(2, 8\)"),
        ({"W": np.full((2, 5, 3), np.nan)}, "W must be finite"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmfd(**{"V": np.ones((5, 8)), "n_components": 2, "n_taps": 3, **arguments})


def test_parts_explain_mistakes():
    with pytest.raises(pw.ParameterError, match="W and H must have shapes"):
        pw.nmfd_parts(np.ones((2, 5, 3)), np.ones((3, 8)))
