"""What the band-split networks are made of.

Tensors inside are (batch, band, frame, feature). A layer that looks at the past takes a `Memory`, in which it
leaves what the next block of a stream needs; without one, the sequence starts anew.

Papers: Y. Luo and J. Yu, "Music source separation with band-split RNN", IEEE/ACM TASLP 2023; Z.-Q. Wang et
al., "TF-GridNet", IEEE/ACM TASLP 2023 (attention); Y. Luo et al., "End-to-end microphone permutation and
number invariant multi-channel speech separation", ICASSP 2020 (exchange between channels).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasewise.models.bands import groups_of_equal_width

__all__ = [
    "BandLinear",
    "BandSplit",
    "ChannelExchange",
    "CumulativeNorm",
    "FrameAttention",
    "Memory",
    "RecurrentResidual",
    "SequenceNorm",
]

# What layers keep of a stream between its blocks.
Memory = dict[nn.Module, Any]


class SequenceNorm(nn.Module):
    """Normalises over a sequence and its features together, then scales every feature.

    Parameters
    ----------
    features : tuple of int
        Shape of scale and shift; its last entry is the number of features.
    axis : int
        Of the sequence; the features are on the last axis.
    """

    def __init__(self, features: tuple[int, ...], axis: int, eps: float = 1e-7) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.axis, self.eps = axis, eps

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        variance, mean = torch.var_mean(x, dim=(self.axis, -1), keepdim=True, correction=0)
        return (x - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class CumulativeNorm(nn.Module):
    """Normalises every frame by mean and variance of all features up to it: the causal `SequenceNorm`.

    Input (batch, band, frame, feature). Sums are kept in double precision, so that streams may be long.
    """

    def __init__(self, features: tuple[int, ...], eps: float = 1e-7) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        wide = x.double()
        sums = torch.stack([wide.sum(-1), wide.square().sum(-1)]).cumsum(-1)  # (2, batch, band, frame)
        before = 0
        if memory is not None:
            past, before = memory.get(self, (torch.zeros_like(sums[..., :1]), 0))
            sums = sums + past
            memory[self] = sums[..., -1:], before + x.shape[2]
        count = x.shape[-1] * torch.arange(before + 1, before + x.shape[2] + 1, device=x.device)
        mean = sums[0] / count
        variance = (sums[1] / count - mean.square()).clamp_min(0)
        scale = torch.rsqrt(variance + self.eps).to(x.dtype)
        return (x - mean.to(x.dtype)[..., None]) * scale[..., None] * self.weight + self.bias


class BandLinear(nn.Module):
    """One linear map per band, all in one product: (batch, band, frame, n) to (batch, band, frame, m)."""

    def __init__(self, bands: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(bands, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(bands, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bktn,knm->bktm", x, self.weight) + self.bias


class BandSplit(nn.Module):
    """Bins to bands: every band is normalised and mapped to the same number of features.

    (batch, frame, freq, channel) to (batch, band, frame, feature); neighbouring bands of one width together.
    """

    def __init__(self, widths: tuple[int, ...], channels: int, features: int, *, causal: bool) -> None:
        super().__init__()
        self.groups = groups_of_equal_width(widths)
        self.norms, self.maps = nn.ModuleList(), nn.ModuleList()
        for bands, width in self.groups:
            shape = (bands, 1, width * channels)
            self.norms.append(CumulativeNorm(shape) if causal else SequenceNorm(shape, axis=2))
            self.maps.append(BandLinear(bands, width * channels, features))

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        starts = itertools.accumulate((bands * width for bands, width in self.groups), initial=0)
        parts = []
        for (bands, width), start, norm, linear in zip(
            self.groups, starts, self.norms, self.maps, strict=False
        ):
            bins = x[:, :, start : start + bands * width]
            bins = bins.reshape(*x.shape[:2], bands, width * x.shape[-1]).transpose(1, 2)
            parts.append(linear(norm(bins, memory)))
        return torch.cat(parts, dim=1)


class RecurrentResidual(nn.Module):
    """Normalisation, LSTM and linear map around a skip connection, along time or along the bands.

    Parameters
    ----------
    features : int
        In and out.
    hidden : int
        Of the LSTM, per direction.
    along : {"time", "bands"}
        Axis of the recurrence. Along time it can be causal: one direction only, frames normalised one by one.
    """

    def __init__(self, features: int, hidden: int, *, along: str, causal: bool) -> None:
        super().__init__()
        self.along_time = along == "time"
        one_way = self.along_time and causal
        self.norm: nn.Module = nn.LayerNorm(features) if one_way else SequenceNorm((features,), axis=1)
        self.keeps = one_way
        self.rnn = nn.LSTM(features, hidden, batch_first=True, bidirectional=not one_way)
        self.linear = nn.Linear(hidden if one_way else 2 * hidden, features)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        turned = x if self.along_time else x.transpose(1, 2)
        rows = turned.reshape(-1, *turned.shape[2:])
        past = memory.get(self) if memory is not None and self.keeps else None
        moved, last = self.rnn(self.norm(rows), past)
        if memory is not None and self.keeps:
            memory[self] = last
        out = self.linear(moved).reshape(turned.shape)
        return x + (out if self.along_time else out.transpose(1, 2))


class _Tokens(nn.Module):
    """One token per frame for one head: (batch, frame, band, feature) to (batch, frame, band * channel)."""

    def __init__(self, bands: int, features: int, channels: int) -> None:
        super().__init__()
        self.linear, self.act = nn.Linear(features, channels), nn.PReLU()
        self.norm = nn.LayerNorm((bands, channels), eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.act(self.linear(x))).flatten(-2)


class FrameAttention(nn.Module):
    """Light attention between frames: queries and keys of few channels, all bands of a frame in one token.

    Parameters
    ----------
    bands, features : int
    heads : int
        Must divide `features`.
    channels : int
        Of queries and keys, per head.
    span : int, optional
        Frames of the past, the present one included, that a frame sees: causal. None: all, also future ones;
        time and memory grow with the square of the frames.
    """

    def __init__(
        self, bands: int, features: int, heads: int, channels: int, *, span: int | None = None
    ) -> None:
        super().__init__()
        self.heads, self.span = heads, span

        def head(outputs: int) -> nn.ModuleList:
            return nn.ModuleList(_Tokens(bands, features, outputs) for _ in range(heads))

        self.query, self.key, self.value = head(channels), head(channels), head(features // heads)
        self.out = nn.Sequential(nn.Linear(features, features), nn.PReLU())
        self.norm = nn.LayerNorm((bands, features), eps=1e-5)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        frames = x.transpose(1, 2)
        q, k, v = (
            torch.stack([head(frames) for head in heads], dim=1)  # (batch, head, frame, band * channel)
            for heads in (self.query, self.key, self.value)
        )
        mask = None
        if self.span is not None:
            if memory is not None:
                if self in memory:
                    k, v = (
                        torch.cat([past, now], dim=2) for past, now in zip(memory[self], (k, v), strict=True)
                    )
                keep = max(0, k.shape[2] - self.span + 1)
                memory[self] = k[:, :, keep:], v[:, :, keep:]
            now = torch.arange(k.shape[2] - q.shape[2], k.shape[2], device=x.device)[:, None]
            seen = torch.arange(k.shape[2], device=x.device)
            mask = (seen <= now) & (seen > now - self.span)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (batch, head, frame, band * n)
        bands = x.shape[1]
        mixed = mixed.unflatten(-1, (bands, -1)).permute(0, 2, 3, 1, 4).flatten(-2)
        return x + self.norm(self.out(mixed)).transpose(1, 2)


class ChannelExchange(nn.Module):
    """Transform, average, concatenate: every channel learns what the others hold.

    Input (batch, channel, band, frame, feature); any number of channels, in any order.
    """

    def __init__(self, features: int, expansion: int = 3) -> None:
        super().__init__()
        wide = expansion * features
        self.transform = nn.Linear(features, wide)
        self.average = nn.Linear(wide, wide)
        self.concatenate = nn.Linear(2 * wide, features)
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        own = self.act(self.transform(x))
        shared = self.act(self.average(own.mean(dim=1, keepdim=True))).expand_as(own)
        return x + self.act(self.concatenate(torch.cat([own, shared], dim=-1)))
