"""What training lowers.

Spectra are (..., freq, frames). Every loss is a mean, so that it does not depend on the size of a batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["magnitude_loss", "phase_loss", "spectrum_loss", "waveform_loss"]


def waveform_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute error of signals."""
    return (estimate - reference).abs().mean()


def magnitude_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute error of magnitudes."""
    return (estimate - reference).abs().mean()


def spectrum_loss(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute errors of real and of imaginary parts, added."""
    error = torch.view_as_real(estimate - reference).abs()
    return error[..., 0].mean() + error[..., 1].mean()


def phase_loss(
    phasors: Tensor,
    reference: Tensor,
    *,
    frequency: float = 0.3,
    delay: float = 0.1,
    concentration: Tensor | None = None,
) -> Tensor:
    r"""Return how far phases are from those of a reference, weighted by its energy.

    Parameters
    ----------
    phasors : complex tensor of shape (..., freq, frames)
        Of modulus 1.
    reference : complex tensor of the same shape
        True spectra.
    frequency, delay : float
        Weights of the same error for the differences between frames (instantaneous frequency) and between
        bins (group delay).
    concentration : tensor of the same shape, optional
        How sure the phases are; adds the negative log-likelihood of von Mises distributions.

    Notes
    -----
    With exact magnitudes the squared error of a spectrum is :math:`2 V^2 (1 - \cos \delta)`: its mean over
    the energy is what is lowered. Differences are compared as phasors: multiples of 2 pi do not matter.
    """
    energy = reference.real.square() + reference.imag.square()
    target = reference * torch.rsqrt(energy + 1e-12 * energy.amax() + torch.finfo(energy.dtype).tiny)
    agreement = (target.conj() * phasors).real
    loss = _weighted(1 - agreement, energy)
    for axis, weight in ((-1, frequency), (-2, delay)):
        n = phasors.shape[axis]
        if weight and n > 1:
            moved = _difference(phasors, axis)
            true = _difference(target, axis)
            both = torch.minimum(energy.narrow(axis, 1, n - 1), energy.narrow(axis, 0, n - 1))
            loss = loss + weight * _weighted(1 - (true.conj() * moved).real, both)
    if concentration is not None:
        # log(exp(-kappa) I_0(kappa)): the scaled function does not overflow.
        normaliser = torch.log(torch.special.i0e(concentration)) + concentration
        loss = loss + _weighted(normaliser - concentration * agreement.detach(), energy)
    return loss


def _difference(phasors: Tensor, axis: int) -> Tensor:
    n = phasors.shape[axis]
    return phasors.narrow(axis, 1, n - 1) * phasors.narrow(axis, 0, n - 1).conj()


def _weighted(error: Tensor, weight: Tensor) -> Tensor:
    return (error * weight).sum() / (weight.sum() + torch.finfo(weight.dtype).tiny)
