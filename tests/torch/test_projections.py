"""The projections on magnitudes and mixtures, their iteration, and phasors that turn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import phasewise as pw
import phasewise.torch as pwt
from phasewise.phase.unwrapping import mixing_iterations
from phasewise.reference import projections as twin
from phasewise.torch._ops import projections as ops
from tolerances import relative_error, tolerance


@pytest.fixture
def spectra(noise):
    """Return a maker of estimates, a mixture and magnitudes."""

    def make(*batch, dtype=torch.float64, bins=6, frames=4, n_sources=3):
        def z(*shape):
            return torch.complex(noise(*shape, dtype=dtype), noise(*shape, dtype=dtype))

        S = z(*batch, n_sources, bins, frames)
        return S, z(*batch, bins, frames), noise(*S.shape, dtype=dtype).abs() + 0.2

    return make


def real(tensor):
    return tensor.abs().numpy().dtype


@pytest.mark.parametrize("batch", [(), (0,), (1,), (2, 3)])
def test_values_are_the_twins(spectra, dtype, batch):
    S, X, V = spectra(*batch, dtype=dtype)
    S[..., 0, 0] = 0
    ours = pwt.magnitude_projection(S, V)
    assert relative_error(ours, twin.magnitude_projection(S.numpy(), V.numpy())) < tolerance(
        "mixing", real(S)
    )
    assert ours.mT.is_contiguous()
    for weights in (None, torch.softmax(V, -3)):
        given = np.full(S.shape, 1 / 3) if weights is None else weights.numpy()
        expected = twin.mixing_projection(S.numpy(), X.numpy(), given)
        ours = pwt.mixing_projection(S, X, weights)
        assert relative_error(ours, expected) < tolerance("mixing", real(S))
        torch.testing.assert_close(ours.sum(-3), X)


@pytest.mark.parametrize("batch", [(), (1,), (3,)])
@pytest.mark.parametrize("weights", ["wiener", 0.5, "given"])
def test_iterations_are_those_of_arrays(spectra, dtype, batch, weights):
    S, X, V = spectra(*batch, dtype=dtype)
    chosen = torch.softmax(V, -3) if weights == "given" else weights
    for n_iter in (0, 1, 20):
        ours = pwt.mixing_iterations(X, V, S, n_iter=n_iter, mixing_weights=chosen)
        expected = mixing_iterations(
            X.numpy(), V.numpy(), S.numpy(), n_iter=n_iter,
            mixing_weights=chosen.numpy() if weights == "given" else weights,
        )  # fmt: skip
        assert relative_error(ours, expected) < tolerance("mixing", real(S))
    native = ops._iterate(X, V, S, torch.softmax(V, -3), 20, 1e-3)
    torch.testing.assert_close(
        native, pwt.mixing_iterations(X, V, S, n_iter=20, mixing_weights=torch.softmax(V, -3))
    )


def arguments(spectra, *batch):
    S, X, V = (t.requires_grad_() for t in spectra(*batch))
    weights = torch.softmax(V.detach(), -3).requires_grad_()
    exponent = torch.linspace(0.5, 2, 6, dtype=torch.float64, requires_grad=True)
    yield ops.magnitude_projection, (S, V, 1e-9)
    yield ops.mixing_projection, (S, X, weights)
    yield ops.mixing_shares, (V, exponent, 1e-9)
    yield ops.mixing_iterations, (X, V, S, weights, 3, 1e-9)


def test_gradients(spectra):
    for op, given in arguments(spectra, 2):
        if op is not ops.mixing_iterations:
            assert gradcheck(op, given), op.name()
            assert gradgradcheck(op, given, fast_mode=True), op.name()
    assert gradcheck(lambda X, V, S, w: op(X, V, S, w / w.sum(-3, keepdim=True), 3, 1e-9), given[:4])
    with pytest.raises(NotImplementedError, match="mixing_iterations has no second derivatives"):
        gradgradcheck(op, given)


def test_gradients_of_iterations_in_pieces(spectra, monkeypatch):
    S, X, V = (t.requires_grad_() for t in spectra(2, frames=5))
    weights = torch.softmax(V.detach(), -3)
    grads = []
    for limit in (1 << 24, 1):
        monkeypatch.setattr(ops, "_UNROLLED_BYTES", limit)
        result = ops.mixing_iterations(X, V, S, weights, 8, 1e-3)
        grads.append(torch.autograd.grad(result.abs().sum() + result.real.sum(), (X, V, S)))
    torch.testing.assert_close(*grads)


def test_operators_keep_torchs_rules(spectra):
    for batch in ((), (0,), (3,)):
        for op, given in arguments(spectra, *batch):
            torch.library.opcheck(
                op, given, test_utils=("test_schema", "test_autograd_registration", "test_faketensor")
            )
    for op, given in arguments(spectra):
        torch.library.opcheck(op, given)


def test_gradient_of_the_phase_is_bounded_as_documented(dtype):
    """|dL/dY| is V / |Y| above epsilon V, V / (epsilon V) below, and nothing at zero, at any level."""
    for level in (1e-8, 1.0, 1e8):
        sizes = torch.tensor([[1.0, 1e-2, 1e-3, 1e-5, 1e-9, 0.0]], dtype=dtype) * level
        V = torch.full_like(sizes, level)
        for epsilon in (1e-3, 1e-2):
            Y = torch.complex(sizes, torch.zeros_like(sizes)).requires_grad_()
            pwt.magnitude_projection(Y, V, epsilon=epsilon).imag.sum().backward()
            expected = torch.where(sizes == 0, 0, 1 / torch.clamp(sizes / level, min=epsilon))
            torch.testing.assert_close(Y.grad.imag, expected.to(dtype))
            assert (Y.grad.real == 0).all()


@pytest.mark.parametrize("tiny", [0.0, 1e-40, 1e-25, 1e-12])
def test_no_nan_at_silence(noise, tiny):
    def power(z):  # not by abs, which has no gradient at subnormal numbers
        return (z.real**2 + z.imag**2).sum() if z.is_complex() else (z**2).sum()

    Y = (tiny * torch.complex(*noise(2, 2, 3, 4, dtype=torch.float32))).requires_grad_()
    for level in (0.0, tiny, 1.0):
        V = torch.full((2, 3, 4), level, requires_grad=True)
        S = pwt.magnitude_projection(Y, V)
        grads = torch.autograd.grad(power(S) + S.imag.sum(), (Y, V), create_graph=True)
        again = torch.autograd.grad(sum(map(power, grads)), (Y, V))
        for tensor in (S, *grads, *again):
            assert tensor.isfinite().all()


def test_vmap(spectra):
    S, X, V = spectra(3)
    mapped = torch.func.vmap(pwt.mixing_projection)(S, X)
    torch.testing.assert_close(mapped, pwt.mixing_projection(S, X))
    mapped = torch.func.vmap(pwt.magnitude_projection, in_dims=(1, 1))(S, V)
    torch.testing.assert_close(mapped, pwt.magnitude_projection(S, V).movedim(1, 0))
    mapped = torch.func.vmap(lambda x, v: pwt.mixing_iterations(x, v, n_iter=4), in_dims=(None, 0))(X[0], V)
    torch.testing.assert_close(mapped, pwt.mixing_iterations(X[:1].expand(X.shape), V, n_iter=4))


def test_phasors_turn(noise, dtype):
    q = (3 + 2 * noise(2, 5, 300, dtype=dtype)).requires_grad_()
    start = torch.polar(torch.ones(2, 5, 300, dtype=dtype), noise(2, 5, 300, dtype=dtype))
    onsets = torch.zeros(2, 300, dtype=torch.bool)
    onsets[0, [7, 120]] = True
    expected, phasor = [], None
    for t in range(300):
        turned = (
            start[..., t] if phasor is None else phasor * torch.exp(2j * np.pi * 0.25 * q.detach()[..., t])
        )
        phasor = torch.where(onsets[:, t, None], start[..., t], turned)
        expected.append(phasor)
    ours = pwt.sinusoidal_phasors(q, hop_length=4, n_fft=16, start=start, onsets=onsets)
    torch.testing.assert_close(ours, torch.stack(expected, -1), atol=1e-4, rtol=0)
    if dtype == torch.float64:
        q, start = q.detach()[:, :2, :6].requires_grad_(), start[:, :2, :6].clone().requires_grad_()
        onsets[0, 3] = True
        assert gradcheck(
            lambda a, b: pwt.sinusoidal_phasors(a, hop_length=4, n_fft=16, start=b, onsets=onsets[:, :6]),
            (q, start),
        )


def test_phasors_follow_the_sinusoidal_model(noise):
    from phasewise.reference.sinusoidal import frequencies

    V = noise(33, 40).abs()
    bins = np.stack([frequencies(v) for v in V.numpy().T], axis=-1)
    ours = pwt.sinusoidal_phasors(torch.as_tensor(bins), hop_length=16, n_fft=64)
    phase = pw.sinusoidal_phase(V.numpy(), hop_length=16, n_fft=64)
    torch.testing.assert_close(
        ours, torch.polar(torch.ones_like(V), torch.as_tensor(phase)), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda S, X, V: pwt.magnitude_projection(S, V[0]), "must have one shape, got (3, 6, 4) and (6, 4)"),
        (lambda S, X, V: pwt.magnitude_projection(V, V), "input must be complex64 or complex128"),
        (lambda S, X, V: pwt.magnitude_projection(S, V, epsilon=0), "epsilon must be a finite number in"),
        (lambda S, X, V: pwt.magnitude_projection(S, V.to("meta")), "must be on one device"),
        (
            lambda S, X, V: pwt.mixing_projection(S, S),
            "input without its sources and mixture must",
        ),
        (lambda S, X, V: pwt.mixing_iterations(X, V, V[0]), "initial must have shape (3, 6, 4)"),
        (lambda S, X, V: pwt.sinusoidal_phasors(S, hop_length=4, n_fft=8), "bins must be float32 or float64"),
    ],
)
def test_errors_say_what_to_do(spectra, call, text):
    with pytest.raises(pw.ParameterError) as error:
        call(*spectra())
    assert text in str(error.value)
