"""Unfolded inversion: the values of the arrays' functions, gradients, and what is kept for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

import phasewise as pw
import phasewise.torch as pwt
from phasewise.torch import _bins, _native
from phasewise.torch._composed import ComposedSteps
from phasewise.torch._ops import inversion as ops
from phasewise.torch._unfolding import backward, forward
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 32, 8, 120
ITERATIVE = ["MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix", "RRR", "RAAR"]
ALL = [*ITERATIVE, "AM", "Incons_hardMix", "Mag_hardMix", "Mag(KL)_hardMix"]


@pytest.fixture
def sources(noise):
    """Return a maker of (mixture, magnitudes) of sources that do not quite fit, with zero padding."""

    def make(*batch, n_sources=3, dtype=torch.float64, n_fft=N_FFT, hop=HOP, length=LENGTH):
        y = noise(*batch, n_sources, length, dtype=dtype)
        S = pwt.stft(y, n_fft, hop, window=torch.hann_window(n_fft, dtype=dtype), pad_mode="constant")
        blur = 1 + 0.2 * noise(*S.shape, dtype=dtype).abs()
        return S.sum(-3), S.abs() * blur

    return make


def arrays(*tensors):
    return [t.detach().numpy() for t in tensors]


@pytest.mark.parametrize("algo", ALL)
@pytest.mark.parametrize("batch", [(), (2,), (2, 2)])
def test_values_are_those_of_arrays(sources, dtype, algo, batch):
    X, V = sources(*batch, dtype=dtype)
    for n_iter, weights in ((0, None), (1, "magnitude"), (4, 0.5)):
        if n_iter == 0 and algo in ("RRR", "RAAR"):
            continue
        options = {"n_iter": n_iter, "consistency_weight": 2.0, "hop_length": HOP, "length": LENGTH}
        ours = pwt.spectrogram_inversion(X, V, algo, mixing_weights=weights, **options)
        expected = pw.spectrogram_inversion(
            *arrays(X, V), algo, mixing_weights=weights, init="mixture", **options
        )
        assert ours.dtype == X.dtype
        assert ours.shape == V.shape
        assert relative_error(ours, expected) < tolerance("inversion", ours.numpy().dtype)


@pytest.mark.parametrize("init", ["wiener", "sinusoidal", "complex", "phase"])
def test_starts_and_weights_are_those_of_arrays(sources, noise, init):
    X, V = sources()
    options = {"n_iter": 3, "hop_length": HOP, "length": LENGTH}
    if init == "complex":
        init = torch.complex(noise(*V.shape), noise(*V.shape))
    elif init == "phase":
        init = noise(*V.shape)
    given = init if isinstance(init, str) else init.numpy()
    weights = noise(*V.shape).abs()
    for algo in ("MISI", "RAAR"):
        ours = pwt.spectrogram_inversion(X, V, algo, init=init, mixing_weights=weights, **options)
        expected = pw.spectrogram_inversion(
            *arrays(X, V), algo, init=given, mixing_weights=weights.numpy(), **options
        )
        assert relative_error(ours, expected) < tolerance("inversion", np.complex128)


@pytest.mark.parametrize("algo", ITERATIVE)
@pytest.mark.parametrize("bands", [1, 4])
def test_untrained_layers_are_the_algorithm(sources, dtype, algo, bands):
    X, V = sources(2, dtype=dtype)
    model = pwt.UnfoldedInversion(4, algo, N_FFT, HOP, bands=bands, consistency_weight=3.0).to(dtype)
    expected = pw.spectrogram_inversion(
        *arrays(X, V), algo, n_iter=4, consistency_weight=3.0, init="mixture", hop_length=HOP, length=LENGTH
    )
    error = relative_error(model(X, V, length=LENGTH).detach(), expected)
    assert error < (5e-3 if dtype == torch.float32 else 1e-5)  # numbers of layers are made in float32
    if dtype == torch.float64:
        torch.set_default_dtype(torch.float64)
        try:
            exact = pwt.UnfoldedInversion(4, algo, N_FFT, HOP, bands=bands, consistency_weight=3.0)
        finally:
            torch.set_default_dtype(torch.float32)
        assert relative_error(exact.double()(X, V, length=LENGTH).detach(), expected) < 1e-10


def problem(noise, update, batch=(), layers=3, given_weights=False, given_start=True):
    """Return arguments of `unfold` that ask for gradients; magnitudes and spectra keep clear of zero."""
    bins, frames, sources, length = 5, 6, 2, 10
    spectra = (*batch, sources, bins, frames)
    X = torch.complex(noise(*batch, bins, frames), noise(*batch, bins, frames)).requires_grad_()
    V = (noise(*spectra).abs() + 0.3).requires_grad_()
    weights = torch.softmax(noise(*spectra), -3).detach().requires_grad_() if given_weights else None
    start = torch.complex(noise(*spectra), noise(*spectra)).requires_grad_() if given_start else None
    parameters = (0.3 + 0.7 * noise(layers, 4, bins).abs()).requires_grad_()
    window = torch.hann_window(8, dtype=torch.float64)
    return X, V, weights, start, parameters, window, 8, 2, True, length, update, 1e-9


@pytest.mark.parametrize("update", _bins.LAYERS)
@pytest.mark.parametrize(("batch", "given"), [((), False), ((2,), True)])
def test_gradients(noise, update, batch, given):
    layers = 1 if update == "mix" else 3
    starts = (False, True) if update == "misi" else (True,)
    for given_start in starts:
        X, V, weights, start, parameters, *rest = problem(noise, update, batch, layers, given, given_start)
        tensors = [t for t in (X, V, weights, start, parameters) if t is not None]

        def function(*tensors, given_start=given_start, rest=rest):
            found = iter(tensors)
            arguments = [next(found), next(found), next(found) if given else None]
            arguments += [next(found) if given_start else None, next(found)]
            return ops.unfold(*arguments, *rest, True)[0]

        assert gradcheck(function, tensors, atol=1e-5, rtol=1e-4, fast_mode=True)


@pytest.mark.parametrize("update", ["misi", "raar", "mix_incons"])
@pytest.mark.parametrize("layers", [1, 2, 5, 10])
def test_other_devices_and_any_number_of_layers(noise, update, layers):
    arguments = problem(noise, update, (2,), layers)
    detached = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
    result, states = ops.unfold(*arguments, True)
    posed = ops._problem(*detached)
    kept = torch.empty_like(states)
    steps = ComposedSteps(posed, _native)
    torch.testing.assert_close(forward(steps, posed, kept), result)
    torch.testing.assert_close(kept, states.detach())
    grad = torch.complex(noise(*result.shape), noise(*result.shape))
    needed = [a for a in arguments[:5] if a is not None]
    of_X, of_V, of_start, of_parameters = torch.autograd.grad(result, needed, grad)
    torch.testing.assert_close(backward(steps, posed, grad, kept), of_start)
    for ours, theirs in zip(steps.gradients(), (of_X, of_V, None, of_parameters), strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("update", ["misi", "raar"])
def test_operator_keeps_torchs_rules(noise, update):
    for batch in ((), (1,), (3,), (0,)):
        torch.library.opcheck(
            ops.unfold,
            (*problem(noise, update, batch), True),
            test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
        )
    torch.library.opcheck(ops.unfold, (*problem(noise, update, (2,)), True))


def test_second_derivatives_are_refused(sources):
    X, V = sources()
    V.requires_grad_()
    (gradient,) = torch.autograd.grad(pwt.misi(X, V, hop_length=HOP).abs().sum(), V, create_graph=True)
    with pytest.raises(NotImplementedError, match="no second derivatives; compose project_consistent"):
        gradient.sum().backward()


@pytest.mark.parametrize("algo", ALL)
def test_silence_has_finite_gradients(sources, dtype, algo):
    X, V = sources(dtype=dtype)
    X[:, 4:8] = 0
    V[:, :, 4:8] = 0
    V[0] = 0
    X[3] = 1e-30
    for tensor in (X, V):
        tensor.requires_grad_()
    options = {"n_iter": 3, "hop_length": HOP, "length": LENGTH, "mixing_weights": 0.5}
    S = pwt.spectrogram_inversion(X, V, algo, **options)
    S.abs().pow(2).sum().backward()
    for tensor in (S, X.grad, V.grad):
        assert tensor.isfinite().all()
        assert tensor.abs().max() < 1e9


def test_memory_for_layers_is_bounded(sources):
    X, V = sources(1, length=2000)
    V.requires_grad_()

    def kept(algo, layers):
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
            pwt.spectrogram_inversion(X, V, algo, n_iter=layers, hop_length=HOP)
        return sum(t.numel() * t.element_size() for t in saved)

    spectra = V.numel() * 16
    assert kept("MISI", 10) - kept("MISI", 2) < 1.2 * spectra
    assert kept("RAAR", 10) - kept("RAAR", 2) < 3.1 * spectra


def test_vmap_and_compile(sources):
    X, V = sources(3)
    mapped = torch.func.vmap(lambda x, v: pwt.misi(x, v, hop_length=HOP))(X, V)
    torch.testing.assert_close(mapped, pwt.misi(X, V, hop_length=HOP))
    torch.compiler.reset()
    for algo in ("MISI", "RAAR"):
        model = pwt.UnfoldedInversion(3, algo, N_FFT, HOP).double()
        compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
        results = []
        for function in (model, compiled):
            model.zero_grad()
            v = V.clone().requires_grad_()
            S = function(X, v)
            S.abs().pow(2).sum().backward()
            results.append((S, v.grad, *(p.grad.clone() for p in model.parameters())))
        torch.testing.assert_close(*results)
    exported = torch.export.export(model, (X, V)).module()
    torch.testing.assert_close(exported(X, V), model(X, V))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda X, V: pwt.misi(X, V[0]), "magnitudes must have at least 3 axes"),
        (lambda X, V: pwt.misi(X[..., :-1], V), "magnitudes must have the shape of the mixture"),
        (lambda X, V: pwt.misi(X.abs(), V), "mixture must be complex64 or complex128"),
        (lambda X, V: pwt.misi(X, V.to("meta")), "on one device, but are on cpu and meta"),
        (lambda X, V: pwt.spectrogram_inversion(X, V, "auto"), "'auto' is for arrays, phasewise"),
        (lambda X, V: pwt.spectrogram_inversion(X, V, "MISS"), "algo must be one of 'AM'"),
        (lambda X, V: pwt.misi(X, V, n_fft=64), "make 33 and"),
        (lambda X, V: pwt.misi(X, V, init="random"), "init must be one of 'mixture'"),
        (lambda X, V: pwt.misi(X, V, init=V[..., 0]), "init must have shape"),
        (lambda X, V: pwt.misi(X, V, mixing_weights="refreshed"), "mixing_weights must be one of 'equal'"),
        (
            lambda X, V: pwt.spectrogram_inversion(X, V, "RRR", relaxation=torch.ones(7)),
            "relaxation must be a number or a tensor of shape (), (5,) or (5, 17)",
        ),
        (lambda X, V: pwt.UnfoldedInversion(3, "AM"), "algo must be one of 'MISI', 'Mix+Incons'"),
        (lambda X, V: pwt.UnfoldedInversion(3, learn=("speed",)), "learn must be one of 'consistency'"),
        (
            lambda X, V: pwt.UnfoldedInversion(3, n_fft=32, bands=20),
            "bands must be at most the number",
        ),
    ],
)
def test_errors_say_what_to_do(sources, call, text):
    with pytest.raises(pw.ParameterError) as error:
        call(*sources())
    assert text in str(error.value)


@pytest.mark.parametrize("algo", ["MISI", "RAAR", "Mag+Incons_hardMix"])
def test_a_few_steps_reduce_the_loss(noise, algo):
    torch.manual_seed(0)
    y = noise(4, 2, 600, dtype=torch.float32)
    window = torch.hann_window(64)
    S = pwt.stft(y, 64, 16, window=window, pad_mode="constant")
    X, V = S.sum(-3), S.abs() * (1 + 0.5 * noise(*S.shape, dtype=torch.float32).abs())
    model = pwt.UnfoldedInversion(3, algo, 64, 16, bands=3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        estimate = pwt.istft(model(X, V, length=600), 64, 16, window=window, length=600)
        loss = (estimate - y).pow(2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.99 * losses[0]
    names = {"exponent", "relaxation", "step", "consistency"}
    assert {name for name, _ in model.named_parameters()} == names - (
        {"consistency"} if "Incons" not in algo else set()
    )


@pytest.mark.parametrize("algo", ITERATIVE)
def test_bits_do_not_depend_on_threads_and_batch(sources, noise, algo):
    X, V = sources(3, dtype=torch.float32, length=3000, n_fft=128, hop=32)
    model = pwt.UnfoldedInversion(4, algo, 128, 32)
    before = torch.get_num_threads()

    def run(x, v, start):
        v, start = v.clone().requires_grad_(), start.clone().requires_grad_()
        model.zero_grad()
        S = model(x, v, start)
        S.real.pow(2).sum().backward()
        return S.detach(), v.grad, start.grad, *(p.grad.clone() for p in model.parameters())

    try:
        torch.set_num_threads(1)
        Z = V * torch.polar(torch.ones(()), noise(*V.shape, dtype=torch.float32))
        expected, loop = run(X, V, Z), [run(*item) for item in zip(X, V, Z, strict=True)]
        for threads in (2, 5):
            torch.set_num_threads(threads)
            for ours, theirs in zip(run(X, V, Z), expected, strict=True):
                assert torch.equal(ours, theirs)
    finally:
        torch.set_num_threads(before)
    for ours, *items in zip(expected[:3], *loop, strict=False):
        assert torch.equal(ours, torch.stack(items))


@pytest.mark.parametrize("update", [u for u in _bins.LAYERS if u != "mix"])
def test_every_instruction_set_has_the_gradients(noise, isa, update):
    arguments = problem(noise, update, (2,), 4)
    detached = [a.detach() if isinstance(a, torch.Tensor) else a for a in arguments]
    result, states = ops.unfold(*arguments, True)
    grad = torch.complex(noise(*result.shape), noise(*result.shape))
    needed = [a for a in arguments[:5] if a is not None]
    ours = torch.autograd.grad(result, needed, grad)
    posed = ops._problem(*detached)
    steps = ComposedSteps(posed, _native)
    of_start = backward(steps, posed, grad, states.detach())
    of_X, of_V, _, of_parameters = steps.gradients()
    torch.testing.assert_close(ours, (of_X, of_V, of_start, of_parameters))


def test_more_sources_than_the_core_takes(noise, sources):
    X, V = sources(n_sources=19)
    V.requires_grad_()
    S = pwt.misi(X, V, hop_length=HOP, length=LENGTH)
    expected = pw.misi(*arrays(X, V), hop_length=HOP, length=LENGTH, init="mixture")
    assert relative_error(S.detach(), expected) < tolerance("inversion", np.complex128)
    S.abs().sum().backward()
    assert V.grad.isfinite().all()


@pytest.mark.parametrize("precision", [torch.float32])
def test_single_precision_gradients_are_those_of_double(sources, precision):
    X, V = sources(2, length=600)
    results = []
    for real, cplx in ((torch.float64, torch.complex128), (precision, torch.complex64)):
        v = V.to(real).requires_grad_()
        S = pwt.spectrogram_inversion(X.to(cplx), v, "RAAR", n_iter=2, hop_length=HOP, epsilon=0.1)
        results.append(torch.autograd.grad(S.abs().pow(2).sum(), v)[0])
    exact, single = results
    assert ((single - exact).norm() / exact.norm()).item() < 1e-3
