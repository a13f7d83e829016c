"""Sums of stems that are exact after rounding."""

import numpy as np
import pytest

from phasewise import audio
from phasewise.errors import ParameterError


def noise(rng, *shape, peak=0.5, dtype=np.float32):
    return (peak * rng.uniform(-1, 1, shape)).astype(dtype)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("n_stems", [1, 2, 4, 5])
def test_integer_stems_sum_to_the_mixture(rng, bits, n_stems):
    stems = noise(rng, n_stems, 2, 20001, peak=0.99 / n_stems, dtype=np.float64)
    mixture, _ = audio.quantize(stems.sum(axis=0), bits)
    settled, clipped = audio.settle_integer_stems(mixture, stems, bits)
    np.testing.assert_array_equal(settled.sum(axis=0, dtype=np.int64), mixture)
    assert clipped == 0
    assert np.abs(settled - stems * 2.0 ** (bits - 1)).max() < 1 + 1e-6


def test_residue_goes_to_the_largest_rounding_error():
    stems = np.array([[0.4], [1.3], [0.45], [-0.2]]) / 128  # sums to 1.95; rounds to 0, 1, 0, 0
    mixture = np.array([2], np.int32)
    settled, _ = audio.settle_integer_stems(mixture, stems, 8)
    np.testing.assert_array_equal(settled[:, 0], [0, 1, 1, 0])
    settled, _ = audio.settle_integer_stems(np.array([0], np.int32), stems, 8)
    np.testing.assert_array_equal(settled[:, 0], [0, 1, 0, -1])


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integer_sum_survives_full_scale_and_clipping(rng, bits):
    high = 2 ** (bits - 1) - 1
    mixture = rng.choice(np.array([-high - 1, -high, -1, 0, 1, high - 1, high]), size=(2, 4096)).astype(
        np.int32
    )
    stems = rng.choice([-3.0, -1.0, -0.5, 0.0, 1e-9, 0.999999, 1.0, 2.5], size=(3, 2, 4096))
    settled, clipped = audio.settle_integer_stems(mixture, stems, bits)
    np.testing.assert_array_equal(settled.sum(axis=0, dtype=np.int64), mixture)
    assert settled.min() >= -high - 1
    assert settled.max() <= high
    assert clipped == np.count_nonzero((np.rint(stems * (high + 1)) > high) | (stems < -1))


def test_stem_that_would_clip_keeps_its_limit_and_the_others_take_the_rest():
    settled, clipped = audio.settle_integer_stems(np.array([100], np.int32), np.array([[1.5], [-0.71875]]), 8)
    assert clipped == 1
    np.testing.assert_array_equal(settled[:, 0], [127, -27])


def test_settling_does_not_depend_on_how_the_audio_is_cut(rng):
    stems = noise(rng, 3, 1, 40000, peak=0.6)
    mixture, _ = audio.quantize(stems.sum(axis=0), 16)
    whole, _ = audio.settle_integer_stems(mixture, stems, 16)
    parts = [
        audio.settle_integer_stems(mixture[:, s], stems[..., s], 16)[0]
        for s in (slice(0, 777), slice(777, None))
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)


@pytest.mark.parametrize("bits", [16, 24])
def test_float_stems_sum_to_a_mixture_that_came_from_integers(rng, bits):
    mixture = (rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, 30000)) / 2.0 ** (bits - 1)).astype(
        np.float32
    )
    stems = noise(rng, 4, 2, 30000, peak=0.9)
    stems[3] = mixture - stems[:3].sum(axis=0)
    settled = audio.settle_float_stems(mixture, stems)
    assert settled.dtype == np.float32
    np.testing.assert_array_equal(settled.astype(np.float64).sum(axis=0).astype(np.float32), mixture)
    assert np.abs(settled - stems).max() < 1e-6


def test_float_stems_sum_to_any_mixture_within_the_smallest_stem_s_last_place(rng):
    stems = noise(rng, 4, 2, 30000)
    mixture = stems.sum(axis=0)
    settled = audio.settle_float_stems(mixture, stems).astype(np.float64)
    error = np.abs(settled.sum(axis=0) - mixture)
    smallest = np.abs(settled).min(axis=0).astype(np.float32)
    assert (error <= np.spacing(smallest) / 2 + 1e-16).all()
    certain = smallest < np.abs(mixture)
    assert certain.mean() > 0.5
    np.testing.assert_array_equal(settled.sum(axis=0).astype(np.float32)[certain], mixture[certain])


def test_float_stems_of_any_memory_layout_are_settled_sample_by_sample(rng):
    stems = noise(rng, 5, 2, 300)
    mixture = stems.sum(axis=0)
    settled = audio.settle_float_stems(mixture, stems)
    assert (settled != stems).any()
    np.testing.assert_array_equal(
        audio.settle_float_stems(mixture, np.moveaxis(np.moveaxis(stems, 0, 1).copy(), 1, 0)), settled
    )
    one_by_one = [audio.settle_float_stems(mixture[:, i : i + 1], stems[:, :, i : i + 1]) for i in range(300)]
    np.testing.assert_array_equal(np.concatenate(one_by_one, axis=-1), settled)


def test_quantize_counts_what_it_clips():
    integers, clipped = audio.quantize(np.array([-1.5, -1.0, 0.25, 1.0]), 8)
    np.testing.assert_array_equal(integers, [-128, -128, 32, 127])
    assert clipped == 2


@pytest.mark.parametrize(
    ("mixture", "stems", "bits", "message"),
    [
        (np.zeros((2, 5), np.int32), np.zeros((3, 2, 6)), 16, "stems must have shape"),
        (np.full((2, 5), 200, np.int32), np.zeros((3, 2, 5)), 8, "mixture must fit 8 bits"),
        (np.zeros((2, 5), np.int32), np.zeros((3, 2, 5)), 33, "bits must be between"),
        (np.zeros((2, 5), np.int32), np.full((3, 2, 5), np.nan), 16, "stems must be finite"),
    ],
)
def test_settling_rejects(mixture, stems, bits, message):
    with pytest.raises(ParameterError, match=message):
        audio.settle_integer_stems(mixture, stems, bits)
