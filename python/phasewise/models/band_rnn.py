"""The body that the band-split networks share, and the heads that turn its features into masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from phasewise._validate import integer
from phasewise.errors import ParameterError
from phasewise.models.bands import groups_of_equal_width
from phasewise.models.configuration import BandedConfig, stem_names
from phasewise.models.layers import (
    BandLinear,
    BandSplit,
    ChannelExchange,
    FrameAttention,
    Memory,
    RecurrentResidual,
    SequenceNorm,
)

__all__ = ["BandBody", "BandConfig", "MaskHead"]


@dataclass(frozen=True)
class BandConfig(BandedConfig):
    """Size and shape of a band-split network.

    Parameters
    ----------
    sample_rate, n_fft, hop_length : int
        Of the transform.
    scheme : str
        Division of the frequencies, a key of `phasewise.models.bands.SCHEMES`.
    stems : sequence of str
        What it returns, in this order. They share the body.
    features : int
        N, features per band and frame: 64 in the small published networks, 128 in the large ones.
    repeats : int
        R, blocks of a recurrence along time and one along bands: 8 and 12.
    hidden_factor : int
        Hidden size of the LSTMs per direction, in `features`.
    mask_factor : int
        Hidden size of the mask heads, in `features`.
    attention : (int, int), optional
        Heads and channels per head of an attention between frames after every block: (1, 8) or (2, 16).
    attention_span : int
        Frames that a causal attention sees.
    exchange : bool
        Whether the channels (left and right) exchange what they learn, after every block.
    causal : bool
        Whether no output depends on later frames.
    """

    scheme: str = "vocals"
    stems: tuple[str, ...] = ("vocals",)
    features: int = 64
    repeats: int = 8
    hidden_factor: int = 2
    mask_factor: int = 4
    attention: tuple[int, int] | None = None
    attention_span: int = 256
    exchange: bool = False
    causal: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "stems", stem_names(self.stems))
        self._check("features", "hidden_factor", "mask_factor", "attention_span")
        integer("repeats", self.repeats, minimum=0)
        if self.attention is not None:
            heads, channels = self.attention
            object.__setattr__(self, "attention", (heads, channels))
            integer("attention channels", channels)
            if self.features % integer("attention heads", heads):
                raise ParameterError(
                    f"attention must have heads that divide features={self.features}, got {heads}."
                )


class BandBody(nn.Module):
    """Bands, then blocks of recurrences along time and along bands.

    (batch, channel, freq, frame, part) to (batch * channel, band, frame, feature). The parts of a bin are its
    magnitude, or its real and imaginary part.
    """

    def __init__(self, config: BandConfig, parts: int) -> None:
        super().__init__()
        n, hidden, bands = config.features, config.hidden_factor * config.features, len(config.widths)
        self.split = BandSplit(config.widths, parts, n, causal=config.causal)
        self.blocks = nn.ModuleList()
        for _ in range(config.repeats):
            block = nn.ModuleDict(
                {
                    "time": RecurrentResidual(n, hidden, along="time", causal=config.causal),
                    "bands": RecurrentResidual(n, hidden, along="bands", causal=config.causal),
                }
            )
            if config.exchange:
                block["exchange"] = ChannelExchange(n)
            if config.attention is not None:
                span = config.attention_span if config.causal else None
                block["attention"] = FrameAttention(bands, n, *config.attention, span=span)
            self.blocks.append(block)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        batch, channels = x.shape[:2]
        y = self.split(x.flatten(0, 1).transpose(1, 2), memory)
        for block in self.blocks:
            y = block["bands"](block["time"](y, memory), memory)  # type: ignore[index]
            if "exchange" in block:  # type: ignore[operator]
                y = block["exchange"](y.unflatten(0, (batch, channels))).flatten(0, 1)  # type: ignore[index]
            if "attention" in block:  # type: ignore[operator]
                y = block["attention"](y, memory)  # type: ignore[index]
        return y


class MaskHead(nn.Module):
    """Features to `parts` values per bin: (batch, band, frame, feature) to (batch, freq, frame, part)."""

    def __init__(
        self, widths: tuple[int, ...], features: int, hidden: int, *, parts: int, causal: bool
    ) -> None:
        super().__init__()
        bands = len(widths)
        self.norm: nn.Module = (
            _BandLayerNorm(bands, features) if causal else SequenceNorm((bands, 1, features), axis=2)
        )
        self.first, self.second = BandLinear(bands, features, hidden), BandLinear(bands, hidden, hidden)
        self.groups, self.parts = groups_of_equal_width(widths), parts
        self.last = nn.ModuleList(BandLinear(count, hidden, parts * width) for count, width in self.groups)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.tanh(self.second(torch.tanh(self.first(self.norm(x)))))
        bins = []
        pieces = y.split([count for count, _ in self.groups], dim=1)
        for (_, width), piece, last in zip(self.groups, pieces, self.last, strict=True):
            values = last(piece).unflatten(-1, (width, self.parts))  # (batch, band, frame, width, part)
            bins.append(values.transpose(2, 3).flatten(1, 2))
        return torch.cat(bins, dim=1)


class _BandLayerNorm(nn.Module):
    """Normalises the features of every band and frame; every band has a scale of its own."""

    def __init__(self, bands: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(bands, 1, features))
        self.bias = nn.Parameter(torch.zeros(bands, 1, features))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.layer_norm(x, x.shape[-1:], eps=1e-7) * self.weight + self.bias
