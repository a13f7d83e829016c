"""Inputs of the tensor tests."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def noise():
    """Return a maker of normal tensors with a fixed seed."""
    generator = torch.Generator().manual_seed(0)

    def make(*shape, dtype=torch.float64, grad=False):
        return torch.randn(*shape, dtype=dtype, generator=generator).requires_grad_(grad)

    return make


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param
