"""Group sparsity over sources, and sparsity that no change of scale dodges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
GROUPS = np.array([0, 0, 1, 1, 1, 2, 2, 0, 2])
PENALTIES = {
    "groups": {"group_H": 0.7, "groups": GROUPS, "group_scale": 0.3},
    "groups and more": {"group_H": 0.7, "groups": GROUPS, "group_scale": 3.0, "smooth_H": 0.1, "l1_H": 0.1},
    "normalised": {"l1_H": 0.05, "normalize_W": True},
}


def problem(rng, freq=65, frames=101, rank=9):
    V = rng.uniform(0.1, 1, (freq, rank)) @ rng.uniform(0.1, 1, (rank, frames))
    W, H = rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))
    return V * rng.uniform(0.5, 1.5, V.shape), W, H


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("beta", BETAS)
def test_steps_are_the_twins(isa, beta, penalties, weighted, dtype, rng):
    V, W, H = problem(rng)
    options = dict(PENALTIES[penalties], W=W, H=H)
    if weighted:
        options["weights"] = rng.uniform(0, 2, V.shape) * (rng.random(V.shape) < 0.7)
    for update_W in (True, False, np.arange(9) > 3):
        expected = twin.nmf(V, 9, beta, 20, **options, update_W=update_W)
        result = pw.nmf(
            V.astype(dtype), 9, beta=beta, n_iter=20, return_cost=True, **options, update_W=update_W
        )
        for ours, theirs in zip(result, expected, strict=True):
            assert relative_error(ours, theirs) < tolerance("nmf", dtype)


@pytest.mark.parametrize("accelerate", [False, True], ids=["plain", "accelerated"])
@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("beta", BETAS)
def test_accelerated_steps_are_the_twins_too(beta, penalties, accelerate, rng):
    V, W, H = problem(rng)
    options = dict(PENALTIES[penalties], W=W, H=H, accelerate=accelerate)
    expected = twin.nmf(V, 9, beta, 15, **options)
    result = pw.nmf(V, 9, beta=beta, n_iter=15, return_cost=True, **options)
    assert relative_error(result[2], expected[2]) < tolerance("nmf", np.float64)


@pytest.mark.parametrize("penalties", PENALTIES)
def test_threads_and_batches_change_no_bit(penalties, threads, rng):
    V, W, H = problem(rng, frames=500)
    V = np.stack([V, V[::-1]])
    alone = [pw.nmf(v, 9, n_iter=10, W=W, H=H, **PENALTIES[penalties]) for v in V]
    together = pw.nmf(V, 9, n_iter=10, W=W, H=H, **PENALTIES[penalties])
    for i, factors in enumerate(alone):
        for ours, theirs in zip(together, factors, strict=True):
            assert np.array_equal(ours[i], theirs)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(BETAS),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 60),
    st.integers(1, 80),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.floats(-3, 3),
    st.floats(-10, 10),
    st.sampled_from(["groups", "normalised"]),
    st.booleans(),
)
def test_cost_never_increases(beta, dtype, freq, frames, rank, seed, strength, scale, kind, accelerate):
    rng = np.random.default_rng(seed)
    V, W, H = problem(rng, freq, frames, rank)
    V[rng.random(V.shape) < 0.2] = 0
    V[rng.integers(freq)] = V[:, rng.integers(frames)] = 0
    V, W = V * 10.0**scale, W * 10.0**scale
    weight = 10.0 ** (strength + beta * scale)  # as strong at every scale
    options = (
        {"group_H": weight, "groups": rng.integers(3, size=rank)}
        if kind == "groups"
        else {"l1_H": weight / 10.0**scale, "normalize_W": True}
    )
    W1, H1, cost = pw.nmf(
        V.astype(dtype),
        rank,
        beta=beta,
        n_iter=25,
        W=W,
        H=H,
        return_cost=True,
        accelerate=accelerate,
        **options,
    )
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()
    assert (np.diff(cost) <= tolerance("monotone", dtype) * abs(cost[:1])).all()


def test_groups_silence_sources(rng):
    """Two sources with similar spectra take turns: with the penalty hardly any sounds when it should not."""
    W = np.abs(rng.standard_normal((40, 3)))
    W = np.concatenate([W, W + np.abs(rng.standard_normal((40, 3)))], axis=1)
    H = np.abs(rng.standard_normal((6, 200)))
    H[:3, 100:] = H[3:, :100] = 0
    V = W @ H + 0.5 * rng.random((40, 200))

    def share_of_the_silent(**options):
        found = pw.nmf(V, 6, n_iter=200, W=W, update_W=False, rng=0, **options)[1]
        return (found[:3, 100:].sum() + found[3:, :100].sum()) / found.sum()

    groups = {"groups": [0, 0, 0, 1, 1, 1], "group_scale": 0.1}
    assert share_of_the_silent(group_H=1.0, **groups) < 0.3 * share_of_the_silent()


def test_labels_of_groups_only_tell_them_apart(rng):
    V, W, H = problem(rng)
    options = {"n_iter": 5, "W": W, "H": H, "group_H": 1.0, "group_scale": 1.0}
    names = np.array(["bass", "drums", "voice"])[GROUPS]
    assert np.array_equal(pw.nmf(V, 9, groups=GROUPS, **options)[1], pw.nmf(V, 9, groups=names, **options)[1])


def test_normalised_sparsity_is_not_dodged(rng):
    """The scale of the start does not matter, columns sum to one, and the cost is that of the result."""
    V, W, H = problem(rng)
    first = pw.nmf(V, 9, n_iter=50, W=W, H=H, l1_H=0.5, normalize_W=True, return_cost=True)
    other = pw.nmf(V, 9, n_iter=50, W=W * 64, H=H / 64, l1_H=0.5, normalize_W=True, return_cost=True)
    for a, b in zip(first, other, strict=True):
        assert relative_error(a, b) < 1e-9
    W1, H1, cost = first
    np.testing.assert_allclose(W1.sum(axis=0), 1)
    np.testing.assert_allclose(cost[-1], twin.divergence(V, W1 @ H1, 1.0) + 0.5 * H1.sum())
    dodged = pw.nmf(V, 9, n_iter=50, W=W, H=H, l1_H=0.5)
    assert H1.sum() < (dodged[0].sum(axis=0)[:, None] * dodged[1]).sum()


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"group_H": 1.0}, "group_H needs groups"),
        ({"group_H": 1.0, "groups": [0, 1]}, "a label for each of the 3"),
        ({"group_H": 1.0, "groups": [0, 1, 1], "group_scale": 0.0}, "group_scale must be"),
        ({"normalize_W": True, "smooth_H": 1.0}, "normalize_W goes with l1_H only"),
    ],
)
def test_wrong_penalties_are_explained(options, cure, rng):
    with pytest.raises(pw.errors.ParameterError, match=cure):
        pw.nmf(rng.random((5, 6)), 3, **options)
