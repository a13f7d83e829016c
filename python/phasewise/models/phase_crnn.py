r"""A causal network that recovers phases: the sinusoidal model, and what it misses.

The sinusoidal model turns the phase of a source from frame to frame by the frequency of its peaks. A network
that sees magnitudes and mixture corrects each turn and draws the phase towards the mixture's where that is
the better witness, as at onsets. With unit phasors :math:`P` of a source, :math:`u` the turns of its peaks
and :math:`M` the mixture's phasors,

.. math:: P_t \propto (1 + c_t) u_t P_{t-1} + d_t M_t,

where the network gives the complex :math:`c` and :math:`d`. They are 0 when training begins: the network
starts as the sinusoidal model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasewise._validate import integer
from phasewise.errors import ParameterError
from phasewise.models._base import Network
from phasewise.models.band_rnn import MaskHead
from phasewise.models.configuration import BandedConfig
from phasewise.models.layers import BandSplit, Memory, RecurrentResidual
from phasewise.models.peaks import peak_turns

__all__ = ["PhaseCRNN", "PhaseConfig", "PhaseEstimate"]

_INPUTS = 7  # per bin: log magnitudes of source and mixture, the source's share, two phasors


@dataclass(frozen=True)
class PhaseConfig(BandedConfig):
    """Size and shape of the network.

    Parameters
    ----------
    sample_rate, n_fft, hop_length : int
        Of the transform.
    scheme : str
        Division of the frequencies for the recurrences, a key of `phasewise.models.bands.SCHEMES`.
    channels : int
        Of the convolutions.
    features : int
        Per band and frame.
    repeats : int
        Blocks of a recurrence along time and one along the bands.
    hidden_factor, mask_factor : int
        Hidden sizes of the recurrences and of the way back to bins, in `features`.
    concentration : bool
        Whether to say how sure every phase is, as the concentration of a von Mises distribution.
    """

    channels: int = 16
    features: int = 24
    repeats: int = 1
    hidden_factor: int = 2
    mask_factor: int = 1
    concentration: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("channels", "features", "hidden_factor", "mask_factor")
        integer("repeats", self.repeats, minimum=0)


class PhaseEstimate(NamedTuple):
    """What `PhaseCRNN` returns.

    Attributes
    ----------
    phasors : complex tensor of shape (batch, stem, channels, freq, frames)
        Of modulus 1; 0 where mixture and past are silent.
    concentration : tensor of the same shape, or None
        How sure they are, from 0.
    """

    phasors: Tensor
    concentration: Tensor | None


class PhaseCRNN(Network):
    """Phases of sources from their magnitudes and the mixture, frame by frame.

    All stems and channels go through the same weights, so that any number of them will do.

    Parameters
    ----------
    **config
        Fields of `PhaseConfig`.

    Examples
    --------
    >>> import torch
    >>> network = PhaseCRNN(channels=4, features=8)
    >>> X = torch.randn(1, 2, 1025, 6, dtype=torch.complex64)
    >>> V = torch.rand(1, 3, 2, 1025, 6)
    >>> network(X, V).phasors.shape
    torch.Size([1, 3, 2, 1025, 6])

    Notes
    -----
    Phases enter only as differences, in the form of phasors: multiples of 2 pi do not matter, and a phase
    that is added to the mixture is added to the result. Levels matter only relative to the mixture's mean so
    far. The network itself runs on all frames at once, the recursion frame by frame; no gradient flows
    through the frequencies of the peaks.

    The idea is that of P. Magron, "Demixing sounds with AI: towards deep phase recovery", 2024; the network
    is our own.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = c = PhaseConfig(**config)
        self.encoder = nn.ModuleList([_CausalConv(_INPUTS, c.channels), _CausalConv(c.channels, c.channels)])
        self.split = BandSplit(c.widths, c.channels, c.features, causal=True)
        self.blocks = nn.ModuleList(
            RecurrentResidual(c.features, c.hidden_factor * c.features, along=along, causal=True)
            for _ in range(c.repeats)
            for along in ("time", "bands")
        )
        self.spread = MaskHead(
            c.widths, c.features, c.mask_factor * c.features, parts=c.channels, causal=True
        )
        self.decoder = _CausalConv(c.channels, c.channels, frames=1)
        self.last = nn.Conv2d(c.channels, 5 if c.concentration else 4, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, X: Tensor, V: Tensor, memory: Memory | None = None) -> PhaseEstimate:
        """Return the phases of the sources.

        Parameters
        ----------
        X : complex tensor of shape (batch, channels, freq, frames)
            Mixture.
        V : tensor of shape (batch, stem, channels, freq, frames), nonnegative
            Magnitudes.
        memory : dict, optional
            What the next block of a stream needs; give the same dict, empty at first, with every block.

        Returns
        -------
        PhaseEstimate

        Raises
        ------
        ParameterError
            If shapes do not agree with each other or the configuration.
        """
        if (
            X.ndim != 4
            or X.shape[2] != self.config.bins
            or V.shape != (*X.shape[:1], *V.shape[1:2], *X.shape[1:])
        ):
            raise ParameterError(
                f"X and V must have shapes (batch, channels, {self.config.bins}, frames) and (batch, stem, "
                f"channels, {self.config.bins}, frames); got {tuple(X.shape)} and {tuple(V.shape)}."
            )
        if X.shape[-1] == 0:
            return PhaseEstimate(torch.zeros_like(V, dtype=X.dtype), V if self.config.concentration else None)
        turns = peak_turns(V, n_fft=self.config.n_fft, hop_length=self.config.hop_length)
        past = _start(X) if memory is None or self not in memory else memory[self]
        inputs, means = self._inputs(X, V, turns, past)
        y = inputs.flatten(0, 2)  # (item, input, frame, freq)
        for convolution in self.encoder:
            y = convolution(y, memory)
        bands = self.split(y.permute(0, 2, 3, 1), memory)
        for block in self.blocks:
            bands = block(bands, memory)
        y = self.last(self.decoder(y + self.spread(bands).permute(0, 3, 2, 1), memory))
        y = y.unflatten(0, V.shape[:3]).transpose(-1, -2)  # (batch, stem, channel, output, freq, frame)
        outputs = y.unbind(dim=3)
        own, pull = turns * torch.complex(1 + outputs[0], outputs[1]), torch.complex(outputs[2], outputs[3])
        phasors = _follow(own, pull, _unit(X)[:, None].expand_as(own), past.phasors)
        if memory is not None:
            memory[self] = _Past(X[..., -1:], phasors[..., -1], *means)
        return PhaseEstimate(phasors, F.softplus(outputs[4]) if self.config.concentration else None)

    def _inputs(self, X: Tensor, V: Tensor, turns: Tensor, past: _Past) -> tuple[Tensor, tuple[Tensor, int]]:
        """Return (batch, stem, channel, input, frame, freq), and sum and number of the levels so far."""
        mixture = X.abs()
        # Levels are relative to the mean of the mixture up to each frame.
        sums = past.level + mixture.double().mean(dim=2, keepdim=True).cumsum(-1)
        count = past.frames + torch.arange(1, X.shape[-1] + 1, device=X.device)
        level = (sums / count).to(mixture.dtype) + 1e-8
        n_fft, hop = self.config.n_fft, self.config.hop_length
        centre = torch.arange(X.shape[2], device=X.device) * hop % n_fft * (2 * torch.pi / n_fft)
        heterodyned = turns * torch.polar(torch.ones_like(centre), -centre).to(turns.dtype)[:, None]
        before = torch.cat([past.mixture, X[..., :-1]], dim=-1)
        surprise = _unit(X * before.conj())[:, None] * turns.conj()
        features = [
            torch.log1p(V / level[:, None]),
            torch.log1p(mixture / level)[:, None].expand_as(V),
            V / (V + mixture[:, None] + 1e-12),
            surprise.real,
            surprise.imag,
            heterodyned.real,
            heterodyned.imag,
        ]
        return torch.stack(features, dim=3).transpose(-1, -2), (sums[..., -1:], past.frames + X.shape[-1])


class _Past(NamedTuple):
    """What the recursion keeps of a stream."""

    mixture: Tensor  # last frame, (batch, channels, freq, 1)
    phasors: Tensor | None  # (batch, stem, channels, freq)
    level: Tensor | float = 0.0  # sum of the mean magnitudes of the frames
    frames: int = 0


def _start(X: Tensor) -> _Past:
    return _Past(torch.zeros_like(X[..., :1]), None)


class _CausalConv(nn.Module):
    """Convolution of (item, channel, frame, freq) that sees no later frames, and a rectifier."""

    def __init__(self, inputs: int, outputs: int, *, frames: int = 3, bins: int = 5) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (frames, bins), padding=(0, bins // 2))
        self.act = nn.PReLU(outputs)
        self.past = frames - 1

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        start = x.new_zeros(*x.shape[:2], self.past, x.shape[3])
        if memory is not None:
            start = memory.get(self, start)
        x = torch.cat([start, x], dim=2)
        if memory is not None:
            memory[self] = x[:, :, x.shape[2] - self.past :]
        return self.act(self.conv(x))


def _unit(z: Tensor) -> Tensor:
    """z / |z|, 0 for 0, with finite gradients."""
    return z * torch.rsqrt(z.real.square() + z.imag.square() + torch.finfo(z.real.dtype).tiny ** 0.5)


def _follow(own: Tensor, pull: Tensor, mixture: Tensor, start: Tensor | None) -> Tensor:
    """P_t = own_t P_(t-1) + pull_t mixture_t, scaled to modulus 1, frame by frame.

    Where both cancel, the past goes on. A stream starts with the mixture.
    """
    drawn = pull * mixture
    frames: list[Tensor] = []
    previous = start
    for t in range(own.shape[-1]):
        if previous is None:
            previous = mixture[..., t]
        else:
            point = own[..., t] * previous + drawn[..., t]
            square = point.real.square() + point.imag.square()
            previous = torch.where(square > 1e-8, point * torch.rsqrt(square.clamp_min(1e-8)), previous)
        frames.append(previous)
    return torch.stack(frames, dim=-1)
