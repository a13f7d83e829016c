"""Fixtures shared by all tests."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise
from phasewise import _core
from song_fixtures import songs_folder  # noqa: F401


def pytest_report_header():
    return "phasewise: " + ", ".join(f"{key} {value}" for key, value in phasewise.build_info().items())


@pytest.fixture
def torch_flags():
    """Let torch's flags be set again: its own testing tools, once imported, forbid that for good."""
    torch = pytest.importorskip("torch")
    torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = True


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(params=_core.available_isas())
def isa(request):
    """Run the test in every instruction set that this machine has."""
    before = _core.active_isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    """Run the test with several numbers of threads."""
    before = phasewise.get_num_threads()
    phasewise.set_num_threads(request.param)
    yield request.param
    phasewise.set_num_threads(before)
