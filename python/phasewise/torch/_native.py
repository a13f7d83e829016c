"""The transforms composed of torch's own operations: what runs on devices other than the host.

Slower than the core, but the same function: samples without window energy are left as the overlap-add gives
them (next to nothing) instead of raising, which torch's own inverse does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "istft",
    "istft_adjoint",
    "pad",
    "project_consistent",
    "stft",
    "stft_adjoint",
    "torch_istft",
    "torch_stft",
]

# Under `phasewise.torch.use` the names in torch stand for our functions.
torch_stft = torch.stft
torch_istft = torch.istft

_NEGLIGIBLE = 1e-11  # as in the core: share of the largest sum of squared windows


def pad(signal: Tensor, amount: int, mode: str) -> Tensor:
    """Pad the last axis on both sides; any number of axes."""
    rows = signal.reshape(-1, 1, signal.shape[-1])
    padded: Tensor = F.pad(rows, (amount, amount), mode)
    return padded.reshape(*signal.shape[:-1], -1)


def stft(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str) -> Tensor:
    """Transform (..., samples) to (..., freq, frames)."""
    padded = pad(signal, n_fft // 2, pad_mode) if center else signal
    frames = padded.unfold(-1, n_fft, hop) * window
    spectrum: Tensor = torch.fft.rfft(frames)
    return spectrum.transpose(-1, -2)


def stft_adjoint(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str, samples: int
) -> Tensor:
    """Apply the adjoint of `stft`."""
    half = spectrum.transpose(-1, -2) / _multiplicity(spectrum, n_fft)
    frames = torch.fft.irfft(half, n_fft) * (window * n_fft)
    covered = samples + 2 * (n_fft // 2) * int(center)
    padded = _overlap_add(frames, hop, covered)
    if not center:
        return padded
    # Where every padded sample came from, found by padding their numbers.
    numbers = torch.arange(samples, device=spectrum.device, dtype=torch.float64)
    lead = n_fft // 2
    if pad_mode == "constant":
        return padded[..., lead : lead + samples].clone()
    source = pad(numbers, lead, pad_mode).long()
    return padded.new_zeros(*padded.shape[:-1], samples).index_add(-1, source, padded)


def istft(spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int) -> Tensor:
    """Synthesise (..., length) from (..., freq, frames)."""
    frames = torch.fft.irfft(spectrum.transpose(-1, -2), n_fft) * window
    lead = n_fft // 2 if center else 0
    covered = n_fft + hop * (spectrum.shape[-1] - 1)
    signal = _overlap_add(frames, hop, covered) * _gain(window, n_fft, hop, spectrum.shape[-1])
    kept = signal[..., lead : lead + length]
    whole: Tensor = F.pad(kept, (0, length - kept.shape[-1]))
    return whole.contiguous()


def istft_adjoint(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, frames: int) -> Tensor:
    """Apply the adjoint of `istft`."""
    lead = n_fft // 2 if center else 0
    covered = n_fft + hop * (frames - 1)
    kept = signal[..., : max(0, covered - lead)]
    padded = F.pad(kept, (lead, covered - lead - kept.shape[-1])) * _gain(window, n_fft, hop, frames)
    spectrum: Tensor = torch.fft.rfft(padded.unfold(-1, n_fft, hop) * window).transpose(-1, -2)
    return spectrum * (_multiplicity(spectrum, n_fft) / n_fft).unsqueeze(-1)


def project_consistent(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int
) -> Tensor:
    """Return the transform of the signal of (..., freq, frames), zeros beyond its ends."""
    return stft(istft(spectrum, window, n_fft, hop, center, length), window, n_fft, hop, center, "constant")


def _multiplicity(spectrum: Tensor, n_fft: int) -> Tensor:
    """Return how many bins of the full spectrum each bin stands for, (freq,)."""
    real = torch.float64 if spectrum.dtype == torch.complex128 else torch.float32
    counts = torch.full((n_fft // 2 + 1,), 2.0, dtype=real, device=spectrum.device)
    counts[0] = 1
    if n_fft % 2 == 0:
        counts[-1] = 1
    return counts


def _overlap_add(frames: Tensor, hop: int, covered: int) -> Tensor:
    """Sum frames (..., frames, n_fft) into (..., covered)."""
    *batch, count, n_fft = frames.shape
    starts = torch.arange(count, device=frames.device).unsqueeze(-1) * hop
    places = (starts + torch.arange(n_fft, device=frames.device)).reshape(-1)
    sums = frames.new_zeros(*batch, max(covered, n_fft + hop * (count - 1)))
    return sums.index_add(-1, places, frames.reshape(*batch, -1))[..., :covered]


def _gain(window: Tensor, n_fft: int, hop: int, frames: int) -> Tensor:
    """Return what normalises the overlap-add of ``frames`` frames."""
    squared = window.double() ** 2 if window.device.type != "mps" else window**2
    energy = _overlap_add(squared.expand(frames, n_fft), hop, n_fft + hop * (frames - 1))
    steady = F.pad(squared, (0, -n_fft % hop)).reshape(-1, hop).sum(0).max()
    filled = energy > _NEGLIGIBLE * steady
    return torch.where(filled, 1 / torch.where(filled, energy, 1), 1).to(window.dtype)
