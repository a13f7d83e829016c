"""Windows against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from phasewise import ParameterError
from phasewise.windows import WINDOWS, get_window, padded_window

PARAMETERS = {"kaiser": (8.6,), "gaussian": (12.0,), "tukey": (0.3,)}


@pytest.mark.parametrize("length", [2, 3, 8, 15, 64, 101])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", sorted(WINDOWS))
def test_equals_scipy(name, periodic, length):
    spec = (name, *PARAMETERS[name]) if name in PARAMETERS else name
    expected = scipy.signal.get_window(spec, length, fftbins=periodic)
    np.testing.assert_allclose(get_window(spec, length, fftbins=periodic), expected, atol=1e-14)


def test_other_specifications():
    values = np.arange(1.0, 9.0)
    assert np.array_equal(get_window(values, 8), values)
    assert np.array_equal(get_window(np.ones, 8), np.ones(8))
    assert np.array_equal(get_window("hanning", 8), get_window("hann", 8))
    assert np.array_equal(padded_window("boxcar", 3, 8), [0, 0, 1, 1, 1, 0, 0, 0])


def test_errors():
    with pytest.raises(ParameterError, match="window must be one of"):
        get_window("nothing", 8)
    with pytest.raises(ParameterError, match="win_length must be an integer"):
        get_window("hann", 0)
    with pytest.raises(ParameterError, match=r"shape \(8,\)"):
        get_window(np.ones(9), 8)
