"""How phases advance with the frequencies of spectral peaks, for tensors on any device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["peak_turns"]

# As in `phasewise.sinusoidal_phase`: peaks below the first share of the largest value of their frame are
# ignored, and neighbours of a peak below the second share of it count as that.
_HEIGHT, _LOG_FLOOR = 1e-2, 1e-6


@torch.no_grad()
def peak_turns(V: Tensor, *, n_fft: int, hop_length: int) -> Tensor:
    """Return by what every bin turns from the frame before, if it follows the peak that rules it.

    Parameters
    ----------
    V : tensor of shape (..., freq, frames), nonnegative
        Magnitudes.
    n_fft, hop_length : int
        Of the transform.

    Returns
    -------
    complex tensor of the shape of `V`
        Of modulus 1: ``exp(2j * pi * hop_length * q / n_fft)`` with the frequency q, in bins, of the nearest
        peak in the sense of `phasewise.sinusoidal_phase`, or of the bin itself where a frame has no peak. No
        gradient flows through it.

    Notes
    -----
    Paper: P. Magron, R. Badeau and B. David, "Model-based STFT phase recovery for audio source separation",
    IEEE/ACM TASLP 26(6), 2018. Cost: some thirty passes over `V`.
    """
    v = V.transpose(-1, -2)
    bins = torch.arange(v.shape[-1], device=v.device).expand(v.shape)
    peak = _is_peak(v, bins)
    before = torch.where(peak, bins, -1).cummax(-1).values
    after = torch.where(peak, bins, v.shape[-1]).flip(-1).cummin(-1).values.flip(-1)
    low, high = before.clamp_min(0), after.clamp_max(v.shape[-1] - 1)
    v_low, v_high = v.gather(-1, low).double(), v.gather(-1, high).double()
    border = low + ((high - low) * (v_low / (v_low + v_high).clamp_min(1e-300))).floor().long()
    owner = torch.where(before < 0, high, torch.where((after >= v.shape[-1]) | (bins <= border), low, high))
    owner = torch.where(peak.any(-1, keepdim=True), owner, bins)
    # The whole bins of a frequency turn by integer multiples, which stay exact.
    whole = (owner * hop_length % n_fft).double() / n_fft
    angle = 2 * math.pi * (whole + _summit(v, peak).gather(-1, owner).double() * hop_length / n_fft)
    return torch.polar(torch.ones_like(angle), angle).to(V.dtype.to_complex()).transpose(-1, -2)


def _is_peak(v: Tensor, bins: Tensor) -> Tensor:
    """Mark local maxima; of a plateau between lower values, its first bin."""
    n = v.shape[-1]
    rises = torch.zeros_like(v, dtype=torch.bool)
    rises[..., 1:] = v[..., 1:] > v[..., :-1]
    changes = torch.zeros_like(rises)
    changes[..., :-1] = v[..., 1:] != v[..., :-1]
    end = torch.where(changes, bins, n - 1).flip(-1).cummin(-1).values.flip(-1)  # of the plateau
    falls = (end < n - 1) & (v.gather(-1, (end + 1).clamp_max(n - 1)) < v)
    return rises & falls & (v >= _HEIGHT * v.amax(-1, keepdim=True))


def _summit(v: Tensor, peak: Tensor) -> Tensor:
    """Return where between two bins a parabola through the log magnitudes around a peak has its summit."""
    padded = torch.nn.functional.pad(v, (1, 1))
    floor = (_LOG_FLOOR * v).clamp_min(torch.finfo(v.dtype).tiny)
    a, b, c = (
        torch.maximum(x, floor).double().log() for x in (padded[..., :-2], padded[..., 1:-1], padded[..., 2:])
    )
    bend = 2 * (2 * b - a - c)
    offset = torch.where(bend > 0, (c - a) / torch.where(bend > 0, bend, 1.0), 0.0).clamp(-0.5, 0.5)
    return torch.where(peak, offset, 0.0).to(v.dtype)
