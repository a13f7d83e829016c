"""Inversion and Bregman descent against loops in torch: transforms, gradients and all from there."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from tolerances import relative_error

torch = pytest.importorskip("torch")

N_FFT, HOP, LENGTH = 256, 64, 64 * 24
OPTIONS = {"n_fft": N_FFT, "hop_length": HOP, "length": LENGTH}
WINDOW = torch.hann_window(N_FFT, dtype=torch.float64)
COUNTS = torch.full((N_FFT // 2 + 1, 1), 2.0, dtype=torch.float64)
COUNTS[0] = COUNTS[-1] = 1


def forward(y):
    return torch.stft(y, N_FFT, HOP, window=WINDOW, pad_mode="constant", return_complex=True)


def back(S):
    return torch.istft(S, N_FFT, HOP, window=WINDOW, length=LENGTH)


def polar(V, S):
    return V * torch.exp(1j * torch.angle(S))


@pytest.fixture(scope="module")
def problem():
    """Return the mixture and wrong magnitudes of three sources."""
    rng = np.random.default_rng(7)
    y = rng.standard_normal((3, LENGTH)) + 3 * np.sin(np.outer([0.1, 0.2, 0.35], np.arange(LENGTH)))
    S = forward(torch.from_numpy(y))
    return S.sum(0), S.abs() * torch.from_numpy(rng.uniform(0.6, 1.4, S.shape))


def numpy_pair(problem):
    return tuple(np.asarray(a) for a in problem)


def misi(X, V, n_iter):
    S = polar(V, X)
    for _ in range(n_iter):
        S = polar(V, forward(back(S)))
        S = S + (X - S.sum(0)) / len(S)
    return S


def relaxed(X, V, n_iter, weights, step):
    """Reflections by their definition: R = 2 P - 1 for both sets; ``step(S, R_A R_B S, P_B S)`` moves on."""

    def on_mixtures(S):
        G = forward(back(S))
        return G + weights * (X - G.sum(0))

    S = polar(V, X)
    for _ in range(n_iter):
        B = on_mixtures(S)
        reflected = 2 * B - S
        S = step(S, 2 * polar(V, reflected) - reflected, B)
    return on_mixtures(S)


def test_misi_equals_a_torch_loop(isa, problem):
    ours = pw.misi(*numpy_pair(problem), n_iter=8, **OPTIONS)
    assert relative_error(ours, np.asarray(misi(*problem, 8))) < 1e-10


def test_reflections_equal_a_torch_loop(isa, problem):
    X, V = problem
    equal, roots = torch.full_like(V, 1 / 3), V**0.5 / (V**0.5).sum(0)
    # RRR with b = 0.8 moves by 0.4 of (R_A R_B - 1); RAAR with b = 0.9 averages that with the projection.
    rrr = relaxed(X, V, 5, equal, lambda S, twice, B: S + 0.4 * (twice - S))
    raar = relaxed(X, V, 5, roots, lambda S, twice, B: 0.45 * (twice + S) + 0.1 * B)
    for algo, expected in (("RRR", rrr), ("RAAR", raar)):
        ours = pw.spectrogram_inversion(*numpy_pair(problem), algo, n_iter=5, **OPTIONS)
        assert relative_error(ours, np.asarray(expected)) < 1e-10


def test_fast_griffin_lim_equals_the_paper(isa, problem):
    """Extrapolates consistent points: t_n = G(P(c_(n-1))), c_n = t_n + alpha (t_n - t_(n-1))."""
    V, alpha = problem[1][0], 0.9
    start = V * torch.exp(1j * torch.from_numpy(np.random.default_rng(1).uniform(-3, 3, V.shape)))
    last = torch.zeros_like(start)
    t = forward(back(start))
    c = (1 + alpha) * t
    for _ in range(6):
        last, t = t, forward(back(polar(V, c)))
        c = t + alpha * (t - last)
    ours = pw.griffinlim(
        np.asarray(V), n_iter=6, algorithm="fgla", alpha=alpha, init=np.asarray(start), **OPTIONS
    )
    assert relative_error(pw.stft(ours, n_fft=N_FFT, hop_length=HOP), np.asarray(t)) < 1e-9


# ---- gradients -------------------------------------------------------------------------------------
DIVERGENCES = {
    2.0: lambda x, y: (x - y) ** 2 / 2,
    1.0: lambda x, y: x * torch.log(x / y) - x + y,
    0.0: lambda x, y: x / y - torch.log(x / y) - 1,
}


@pytest.mark.parametrize("beta", [2.0, 1.0, 0.0])
@pytest.mark.parametrize(("d", "direction"), [(1, "right"), (1, "left"), (2, "right"), (2, "left")])
def test_bregman_steps_follow_the_gradient_by_autograd(isa, problem, beta, d, direction):
    """From the consistent B a step goes down the gradient that autograd finds, not past the magnitudes."""
    V = problem[1][0] + 0.05
    scale = float(torch.sqrt((V**2).mean()))
    floor = 0.0 if (beta, d) == (2.0, 1) else 1e-4 * scale
    step = 1e-5
    start = V * torch.exp(1j * torch.from_numpy(np.random.default_rng(2).uniform(-3, 3, V.shape)))
    B = forward(back(start)).requires_grad_()
    model, target = (torch.sqrt(x.abs() ** 2 + floor**2) ** d for x in (B, V))
    value = DIVERGENCES[beta](*((target, model) if direction == "right" else (model, target)))
    (slope,) = torch.autograd.grad(value.sum(), B)
    B = B.detach()
    phase = torch.exp(1j * torch.angle(B))
    assert relative_error(np.asarray(slope), np.asarray(phase * (slope * phase.conj()).real)) < 1e-9
    move = step * scale ** (2 - d * beta) * (slope * phase.conj()).real
    whole = torch.sqrt(B.abs() ** 2 + floor**2) - torch.sqrt(V**2 + floor**2)
    free = (move.abs() < whole.abs()) | (move * whole < 0)
    assert free.double().mean() > 0.9
    expected = back(B - torch.where(free, move, whole) * phase)
    rule = {"beta": beta, "d": d, "direction": direction, "step": step, "momentum": 0.0}
    options = {"n_iter": 1, "init": np.asarray(start), "return_cost": True} | rule | OPTIONS
    ours, cost = pw.griffinlim(np.asarray(V), algorithm="bregman", **options)
    before = np.asarray(back(B))
    moved, wanted = ours - before, np.asarray(expected) - before
    assert np.linalg.norm(wanted) > 0
    assert relative_error(moved, wanted) < 1e-5
    after = forward(torch.from_numpy(ours))
    model = torch.sqrt(after.abs() ** 2 + floor**2) ** d
    now = DIVERGENCES[beta](*((target, model) if direction == "right" else (model, target)))
    assert cost[0] == pytest.approx(float((COUNTS * now).sum()), rel=1e-9)
