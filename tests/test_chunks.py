"""Chunks of a stream: the same result however it is cut."""

import numpy as np
import pytest

from phasewise._chunks import ChunkPlan, process_in_chunks, rechunk
from phasewise.errors import ParameterError


def blocks_of(x, sizes):
    return np.split(x, np.cumsum(sizes)[:-1], axis=-1)


@pytest.mark.parametrize("n", [1, 9, 10, 11, 14, 15, 16, 17, 100, 101])
def test_identity_passes_through(n):
    x = np.arange(2.0 * n).reshape(2, n)
    pieces = list(process_in_chunks([x], ChunkPlan(10, 4, 1), lambda chunk: chunk.copy()))
    for i in (0, 1):
        np.testing.assert_allclose(np.concatenate([p[i] for p in pieces], axis=-1), x, rtol=1e-15)


@pytest.mark.parametrize("sizes", [[57], [1] * 57, [10, 0, 20, 27], [56, 1]])
def test_how_the_stream_is_cut_changes_nothing(sizes):
    x = np.random.default_rng(0).standard_normal((3, 57))
    plan = ChunkPlan(16, 8, 2)

    def process(chunk):
        return np.stack([chunk * chunk.mean(), chunk[..., ::-1]])

    expected = np.concatenate([r for _, r in process_in_chunks([x], plan, process)], axis=-1)
    result = np.concatenate([r for _, r in process_in_chunks(blocks_of(x, sizes), plan, process)], axis=-1)
    assert result.shape == (2, 3, 57)
    np.testing.assert_array_equal(result, expected)


def test_edges_of_a_chunk_are_not_heard():
    """A process that spoils its first and last two samples is repaired by a guard of two."""
    x = np.random.default_rng(1).standard_normal(200)

    def process(chunk):
        spoiled = chunk.copy()
        spoiled[:2] = spoiled[-2:] = 1e6
        return spoiled

    result = np.concatenate([r for _, r in process_in_chunks([x], ChunkPlan(50, 10, 2), process)])
    np.testing.assert_allclose(result[2:-2], x[2:-2], rtol=1e-14)
    result = np.concatenate([r for _, r in process_in_chunks([x], ChunkPlan(50, 10, 1), process)])
    assert np.abs(result[2:-2]).max() > 1e3


def test_fade_sums_to_one_and_rises_linearly():
    fade = ChunkPlan(100, 20, 5).fade()
    np.testing.assert_array_equal(fade[:5], 0)
    np.testing.assert_array_equal(fade[-5:], 1)
    np.testing.assert_allclose(np.diff(fade[5:-5]), 0.1)
    np.testing.assert_allclose(fade + fade[::-1], 1)


def test_chunks_start_on_the_grid_and_end_with_the_stream():
    chunks = list(rechunk([np.arange(37)], ChunkPlan(16, 6)))
    assert [int(chunk[0]) for chunk, _ in chunks] == [0, 10, 20, 30]
    assert [last for _, last in chunks] == [False, False, False, True]
    assert chunks[-1][0][-1] == 36


@pytest.mark.parametrize("plan", [(10, 6, 0), (10, 4, 3), (0, 0, 0), (10, -1, 0)])
def test_impossible_plans(plan):
    with pytest.raises(ParameterError):
        ChunkPlan(*plan)
