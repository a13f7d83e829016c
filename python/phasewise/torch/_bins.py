"""What inversion does in each bin, and the gradients of that, by torch's operations.

Spectra of sources are (..., source, freq, frames), the mixture X has no source axis. Gradients follow torch's
convention: dL/d(real) + i dL/d(imag). Two quotients need care, and both have the same remedy, a bound epsilon
on a ratio that has no unit:

- the phase of Y turns by ``V / |Y|`` per unit of Y: the gradient takes ``V / max(|Y|, epsilon V)``;
- shares V^p / sum V^p change by ``p / V`` per unit of V: the gradient takes ``p / max(V, epsilon max V)``.

Values are exact; gradients are exact wherever the bound is not reached, and at most 1 / epsilon times
as large as what comes in. Where Y is zero, its phase is 0 and has no gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "LAYERS",
    "Layer",
    "LayerGradient",
    "layer",
    "layer_backward",
    "magnitude",
    "magnitude_backward",
    "mix",
    "mix_backward",
    "shares",
    "shares_backward",
]

# Rows of the parameters of a layer, each with one value per bin.
CONSISTENCY, EXPONENT, RELAXATION, STEP = range(4)

LAYERS = ("misi", "mix_incons", "mix_incons_hard_mag", "mag_incons_hard_mix", "rrr", "raar", "mix")


def _phasor(Y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return Y / |Y| (1 at zero), |Y|, and where Y counts as zero, which is where the core says so."""
    parts = Y.detach()
    squared = parts.real**2 + parts.imag**2  # torch's modulus of subnormal numbers is NaN
    zero = squared <= (1e-36 if Y.dtype == torch.complex64 else 1e-290)
    safe = torch.where(zero, 1, Y)
    modulus = safe.abs()
    return safe / modulus, torch.where(zero, 0, modulus), zero


def magnitude(Y: Tensor, V: Tensor) -> Tensor:
    """Give Y the magnitudes V."""
    return V * _phasor(Y)[0]


def magnitude_backward(grad: Tensor, Y: Tensor, V: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return the gradients of Y and V."""
    phasor, modulus, zero = _phasor(Y)
    radial = (phasor.conj() * grad).real
    bounded = torch.maximum(modulus, epsilon * V)
    silent = zero | (bounded <= (1e-36 if Y.dtype == torch.complex64 else 1e-290))
    gain = torch.where(silent, 0, V / torch.where(silent, 1, bounded))
    return gain * (grad - phasor * radial), radial


def mix(S: Tensor, X: Tensor, weights: Tensor) -> Tensor:
    """Share the mixing error among the sources."""
    return S + weights * (X - S.sum(-3)).unsqueeze(-3)


def mix_backward(grad: Tensor, S: Tensor, X: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of S, X and the weights."""
    common = (weights * grad).sum(-3)
    error = (X - S.sum(-3)).unsqueeze(-3)
    return grad - common.unsqueeze(-3), common, (error.conj() * grad).real


def shares(V: Tensor, exponent: Tensor) -> Tensor:
    """Return V^p / sum V^p over the sources, equal shares where all are zero; ``exponent`` is (freq, 1)."""
    raw = _relative(V)[0] ** exponent
    total = raw.sum(-3, keepdim=True)
    empty = total == 0
    return torch.where(empty, 1 / V.shape[-3], raw / torch.where(empty, 1, total))


def shares_backward(
    grad: Tensor, V: Tensor, weights: Tensor, exponent: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Return the gradients of V and, summed over all but the bins, the exponents (freq,)."""
    relative, largest = _relative(V)
    moved = weights * (grad - (weights * grad).sum(-3, keepdim=True))
    moved = torch.where(largest == 0, 0, moved)
    bounded = torch.maximum(V, epsilon * largest)
    of_exponent = moved * relative.clamp(min=epsilon).log()
    return exponent * moved / torch.where(bounded == 0, 1, bounded), _per_bin(of_exponent)


def _relative(V: Tensor) -> tuple[Tensor, Tensor]:
    """Return V relative to the loudest source, so that powers neither overflow nor vanish, and the latter."""
    largest = V.amax(-3, keepdim=True)
    return V / torch.where(largest > 0, largest, 1), largest


def _per_bin(values: Tensor) -> Tensor:
    """Sum (..., freq, frames) over all axes but the bins."""
    return values.sum([axis for axis in range(values.ndim) if axis != values.ndim - 2])


def _along(a: Tensor, b: Tensor) -> Tensor:
    """Return the real inner product of complex numbers."""
    return (a.conj() * b).real


class Layer(NamedTuple):
    """One iteration: S the state, G its projection on consistent spectrograms."""

    update: str
    X: Tensor
    V: Tensor
    weights: Tensor  # mixing weights
    parameters: Tensor  # (4, freq, 1)

    def stepped(self, Y: Tensor) -> Tensor:
        """Move Y towards the magnitudes."""
        return Y + self.parameters[STEP] * (magnitude(Y, self.V) - Y)


class LayerGradient(NamedTuple):
    """Gradients of a layer."""

    S: Tensor | None  # None: S counts only by its signals
    G: Tensor | None
    X: Tensor
    V: Tensor
    weights: Tensor
    parameters: Tensor  # (4, freq)


def _reflection(update: str, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return alpha, beta and gamma in S <- alpha S + beta mag(2 B - S) + gamma B."""
    return (b, b, 1 - 2 * b) if update == "raar" else (torch.ones_like(b), b, -b)


def layer(at: Layer, S: Tensor, G: Tensor) -> Tensor:
    """Return the next state."""
    X, weights = at.X, at.weights
    sigma, _, b, _ = at.parameters
    if at.update == "mix":
        return mix(G, X, weights)
    if at.update == "misi":
        return G + b * (mix(at.stepped(G), X, weights) - G)
    if at.update.startswith("mix_incons"):
        pull = sigma * weights
        Y = (mix(S, X, weights) + pull * G) / (1 + pull)
        return S + b * ((at.stepped(Y) if at.update.endswith("hard_mag") else Y) - S)
    if at.update == "mag_incons_hard_mix":
        return S + b * (mix((at.stepped(S) + sigma * G) / (1 + sigma), X, weights) - S)
    alpha, beta, gamma = _reflection(at.update, b)
    B = mix(G, X, weights)
    return alpha * S + beta * at.stepped(2 * B - S) + gamma * B


def layer_backward(at: Layer, grad: Tensor, S: Tensor, G: Tensor, epsilon: float) -> LayerGradient:
    """Return the gradients of a layer from that of the next state."""
    X, V, weights = at.X, at.V, at.weights
    sigma, _, b, eta = at.parameters
    of_sigma = of_eta = of_b = None
    of_V = torch.zeros_like(V)

    def stepped_backward(g: Tensor, Y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        of_Y, of_magnitude = magnitude_backward(eta * g, Y, V, epsilon)
        return (1 - eta) * g + of_Y, of_magnitude, _along(magnitude(Y, V) - Y, g)

    if at.update == "mix":
        of_G, of_X, of_weights = mix_backward(grad, G, X, weights)
        of_S = None
    elif at.update == "misi":
        M = at.stepped(G)
        of_b = _along(mix(M, X, weights) - G, grad)
        of_M, of_X, of_weights = mix_backward(b * grad, M, X, weights)
        of_G, of_V, of_eta = stepped_backward(of_M, G)
        of_G = of_G + (1 - b) * grad
        of_S = None
    elif at.update.startswith("mix_incons"):
        pull = sigma * weights
        Y = (mix(S, X, weights) + pull * G) / (1 + pull)
        hard = at.update.endswith("hard_mag")
        of_b = _along((at.stepped(Y) if hard else Y) - S, grad)
        of_Y = b * grad
        if hard:
            of_Y, of_V, of_eta = stepped_backward(of_Y, Y)
        of_mixed = of_Y / (1 + pull)
        of_pull = _along(G - Y, of_mixed)
        of_G = pull * of_mixed
        of_S, of_X, of_weights = mix_backward(of_mixed, S, X, weights)
        of_S = of_S + (1 - b) * grad
        of_weights = of_weights + sigma * of_pull
        of_sigma = weights * of_pull
    elif at.update == "mag_incons_hard_mix":
        Q = (at.stepped(S) + sigma * G) / (1 + sigma)
        of_b = _along(mix(Q, X, weights) - S, grad)
        of_Q, of_X, of_weights = mix_backward(b * grad, Q, X, weights)
        of_M = of_Q / (1 + sigma)
        of_sigma = _along(G - Q, of_M)
        of_G = sigma * of_M
        of_S, of_V, of_eta = stepped_backward(of_M, S)
        of_S = of_S + (1 - b) * grad
    else:
        alpha, beta, gamma = _reflection(at.update, b)
        B = mix(G, X, weights)
        R = 2 * B - S
        N = at.stepped(R)
        of_b = _along(S + N - 2 * B if at.update == "raar" else N - B, grad)
        of_R, of_V, of_eta = stepped_backward(beta * grad, R)
        of_S = alpha * grad - of_R
        of_G, of_X, of_weights = mix_backward(gamma * grad + 2 * of_R, G, X, weights)
    rows = [torch.zeros_like(b[:, 0]) if v is None else _per_bin(v) for v in (of_sigma, None, of_b, of_eta)]
    return LayerGradient(of_S, of_G, of_X, of_V, of_weights, torch.stack(rows))
