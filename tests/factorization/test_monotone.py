"""The promise of `nmf`: no cost ever rises and nothing is ever NaN, whatever is combined with what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from tolerances import tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
# Weights of the penalties for data and W around 1, with the powers of the unit of V that they go with.
PENALTIES = {
    "none": {},
    "l1": {"l1_W": (0.1, -1), "l1_H": (0.2, 0)},
    "l2": {"l2_W": (0.5, -2), "l2_H": (1.0, 0)},
    "smooth": {"smooth_H": (3.0, 0)},
    "groups": {"group_H": (0.7, 0)},
    "normalised": {"l1_H": (0.2, -1)},
    "all": {"l1_W": (0.1, -1), "l1_H": (0.2, 0), "l2_W": (0.5, -2), "l2_H": (1.0, 0), "smooth_H": (3.0, 0),
            "group_H": (0.7, 0)},
}  # fmt: skip


@st.composite
def problems(draw):
    """Arguments of nmf without beta and penalties, the unit of V, and a strength of the penalties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    freq, frames, rank = draw(st.tuples(st.integers(1, 40), st.integers(1, 70), st.integers(1, 12)))
    scale = draw(st.sampled_from([1e-30, 1e-8, 1.0, 1e8, 1e30]))
    W, H = rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))
    V = rng.permutation(W) @ rng.permutation(H, axis=1) * rng.uniform(0.5, 1.5, (freq, frames))
    if draw(st.booleans()):
        V[rng.random(V.shape) < 0.2] = 0
    if draw(st.booleans()):
        V[rng.integers(freq)] = V[:, rng.integers(frames)] = 0
    if draw(st.booleans()):
        W[rng.random(W.shape) < 0.1] = H[rng.random(H.shape) < 0.1] = 0
    options = {"n_components": rank, "W": W * scale, "H": H, "n_iter": 30}
    options["V"] = (V * scale).astype(draw(st.sampled_from([np.float32, np.float64])))
    options["accelerate"] = draw(st.booleans())
    if draw(st.booleans()):
        options["weights"] = rng.uniform(0, 2, V.shape) * (rng.random(V.shape) < 0.7)
    learnt = draw(st.sampled_from(["all", "all", "H", "W", "some columns"]))
    options["update_W"] = {"H": False, "some columns": rng.random(rank) < 0.5}.get(learnt, True)
    options["update_H"] = learnt != "W"
    return options, rng.integers(3, size=rank), scale, draw(st.sampled_from([0.01, 1.0, 100.0]))


@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("beta", BETAS)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(problem=problems())
def test_no_cost_ever_rises(beta, penalties, problem):
    options, groups, scale, strength = problem
    for name, (weight, power) in PENALTIES[penalties].items():
        options[name] = strength * weight * scale ** (beta + power)
    if "group_H" in options:
        options |= {"groups": groups, "group_scale": strength}
    options["normalize_W"] = penalties == "normalised"
    W, H, cost = pw.nmf(beta=beta, return_cost=True, **options)
    for result in (W, H, cost):
        assert np.isfinite(result).all()
    assert (W >= 0).all()
    assert (H >= 0).all()
    dtype = options["V"].dtype
    weights = np.broadcast_to(options.get("weights", 1.0), options["V"].shape)
    V, weights = options["V"].astype(np.float64)[weights > 0], weights[weights > 0]
    if not V.any() or (beta < 0 and dtype == np.float32 and not V.all()):
        return  # zeros press the model to its floor
    # The rounding of a divergence near zero is that of its terms.
    terms = np.sum(weights * (V if beta > 0 else np.maximum(V, 1e-10 * V.mean())) ** beta)
    assert (np.diff(cost) <= 2 * tolerance("monotone", dtype) * (abs(cost[0]) + terms)).all()
