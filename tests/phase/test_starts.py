"""The random start that griffinlim and the inversion family share."""

from __future__ import annotations

import numpy as np
import pytest

from phasewise.phase._problem import random_start
from tolerances import relative_error


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (2, 3, 65, 41), (257, 16)])
def test_random_start_is_the_magnitudes_on_a_circle(isa, threads, shape, dtype, rng):
    V = rng.random(shape).astype(dtype)
    start = random_start(np.random.default_rng(1), V)
    expected = V * np.exp(2j * np.pi * np.random.default_rng(1).random(shape))
    assert start.shape == shape
    assert start.dtype == np.result_type(dtype, np.complex64)
    assert relative_error(start, expected) < (1e-6 if dtype == np.float32 else 1e-14)
