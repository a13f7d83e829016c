"""Dictionaries that factorise a frame together with its surroundings."""

import itertools

import numpy as np
import pytest

from phasewise._bands import pool
from phasewise._context import Neighbours
from phasewise.dictionary import Dictionary
from phasewise.errors import ParameterError
from phasewise.factorization import nmf
from small_dictionary import EDGES, N_FFT, RATE, make
from tolerances import relative_error

COARSE = np.array([0, 10, 40, 129])
AROUND = (Neighbours(-2, -1, EDGES, 0.5), Neighbours(1, 3, COARSE, 2.0))


def make_with_surroundings(rng, **kwargs):
    rows = sum(group.bands for group in AROUND)
    context = {stem: rng.random((rows, k)) ** 4 for stem, k in zip(("low", "high"), (3, 2), strict=True)}
    return make(rng, neighbours=AROUND, context=context, **kwargs)


def test_neighbours_are_weighted_means_of_bands(rng):
    V = rng.random((2, 9, 129))
    sums = np.stack([V[..., a:b].sum(axis=-1) for a, b in itertools.pairwise(COARSE)], axis=-1)
    padded = np.pad(sums, ((0, 0), (3, 3), (0, 0)))
    expected = 2.0 * np.mean([padded[:, 3 + shift : 12 + shift] for shift in (1, 2, 3)], axis=0)
    np.testing.assert_allclose(AROUND[1].rows(V, 129), expected, rtol=1e-12, atol=1e-15)
    V[..., 40:] = 0
    np.testing.assert_allclose(AROUND[1].rows(V, 129)[..., :2], AROUND[1].rows(V, 40), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, 0, COARSE), "last must not come before first"),
        ((0, 0, [0, 5, 5]), "edges must rise"),
        ((0, 0, []), "edges must rise"),
        ((0, 0, COARSE, 0.0), "weight must be"),
    ],
)
def test_neighbours_are_checked(arguments, words):
    with pytest.raises(ParameterError, match=words):
        Neighbours(*arguments)


def test_surroundings_are_further_rows_of_the_factorisation(rng):
    dictionary = make_with_surroundings(rng)
    V = rng.random((129, 8)) ** 2
    rows = [pool(V, EDGES)] + [group.rows(V.T, 129).T for group in AROUND]
    widths = np.concatenate([np.diff(EDGES), *(np.diff(group.edges) for group in AROUND)])[:, None]
    context = np.concatenate([dictionary.context["low"], dictionary.context["high"]], axis=1)
    W = widths * np.concatenate([dictionary.basis[EDGES[:-1]], context]).astype(float)
    rows = np.concatenate(rows)
    H = np.repeat(rows.sum(axis=0, keepdims=True) / 5, 5, axis=0) / W.sum(axis=0)[:, None]
    expected = nmf(rows, 5, n_iter=30, W=W, H=H, update_W=False)[1]
    assert relative_error(dictionary.activations(V, n_iter=30), expected) < 1e-6
    parts = dictionary.magnitudes(V)
    assert relative_error(parts[1], dictionary.W["high"] @ expected[3:]) < 1e-5


def test_surroundings_reach_as_far_as_they_say(rng):
    dictionary = make_with_surroundings(rng)
    assert dictionary.reach == 3 * 64
    V = rng.random((2, 129, 20))
    whole = dictionary.activations(V)
    assert relative_error(dictionary.activations(V[..., 6:16])[..., 2:-3], whole[..., 8:13]) < 1e-12
    V[..., 13] *= 3
    changed = np.abs(dictionary.activations(V) - whole).max(axis=(0, 1)) > 1e-12
    np.testing.assert_array_equal(np.flatnonzero(changed), [10, 11, 12, 13, 14, 15])


def test_surroundings_stay_below_the_bins_that_are_explained(rng):
    dictionary = make_with_surroundings(rng)
    V = rng.random((129, 6))
    V[100:] = 0
    limited = dictionary.activations(V, bins=100)
    V[100:] = 5
    np.testing.assert_allclose(dictionary.activations(V, bins=100), limited, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_surroundings_are_kept_in_files(rng, tmp_path, dtype):
    dictionary = make_with_surroundings(rng, power=1.5)
    dictionary.save(tmp_path / "d.safetensors", dtype=dtype)
    again = Dictionary.load(tmp_path / "d.safetensors")
    assert again.power == 1.5
    for one, other in zip(again.neighbours, AROUND, strict=True):
        assert (one.first, one.last, one.weight) == (other.first, other.last, other.weight)
        np.testing.assert_array_equal(one.edges, other.edges)
    for stem, context in dictionary.context.items():
        rtol = 2e-3 if dtype == "float16" else 1e-6
        np.testing.assert_allclose(again.context[stem], context, rtol=rtol, atol=1e-6 * context.max())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": 2.0}, "neighbours need beta 1"),
        ({"neighbours": (Neighbours(0, 0, [0, 7]),)}, "edges up to the 129 bins"),
        ({"neighbours": ()}, "context must have the keys of W"),
        ({"context": {}}, "context must have the keys of W"),
        ({"neighbours": AROUND[:1]}, r"context\['low'\] must have shape"),
    ],
)
def test_surroundings_are_checked(rng, change, words):
    W = {stem: rng.random((len(EDGES) - 1, 2)) for stem in ("low", "high")}
    context = {stem: rng.random((sum(group.bands for group in AROUND), 2)) for stem in W}
    arguments = {"neighbours": AROUND, "context": context, "edges": EDGES, **change}
    with pytest.raises(ParameterError, match=words):
        Dictionary(("low", "high"), W, RATE, N_FFT, 64, **arguments)
