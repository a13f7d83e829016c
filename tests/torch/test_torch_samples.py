"""The samples of torch's operator database for stft and istft, values and gradients, through ours."""

from __future__ import annotations

import warnings

import pytest
import torch

import phasewise.torch as pwt

pytest.importorskip("expecttest", reason="torch's operator database needs it")


def operator(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own test code
        from torch.testing._internal.common_methods_invocations import op_db
    (found,) = (op for op in op_db if op.name == name)
    return found


@pytest.mark.parametrize("name", ["stft", "istft"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128])
@pytest.mark.filterwarnings("ignore")
def test_samples(name, dtype):
    op, compared = operator(name), 0
    if dtype not in op.supported_dtypes("cpu"):
        pytest.skip("torch has no such samples")
    for sample in op.sample_inputs("cpu", dtype, requires_grad=True):
        given, twin = (sample.input.detach().clone().requires_grad_() for _ in range(2))
        theirs = op.op(twin, *sample.args, **sample.kwargs)
        ours = getattr(pwt, name)(given, *sample.args, **sample.kwargs)
        torch.testing.assert_close(ours, theirs)
        weight = torch.randn_like(theirs)
        torch.testing.assert_close(
            torch.autograd.grad(ours, given, weight), torch.autograd.grad(theirs, twin, weight)
        )
        compared += 1
    assert compared >= 8
