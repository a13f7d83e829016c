"""A network of the shape of Open-Unmix, to compare with on equal data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from phasewise._validate import integer, number
from phasewise.errors import ParameterError
from phasewise.models._base import Network
from phasewise.models.configuration import TransformConfig, stem_names

__all__ = ["OpenUnmix", "OpenUnmixConfig"]


@dataclass(frozen=True)
class OpenUnmixConfig(TransformConfig):
    """Size of the network.

    Parameters
    ----------
    sample_rate, n_fft, hop_length : int
        Of the transform.
    stems : sequence of str
        What it returns; every stem has a network of its own.
    channels : int
        Channels of the audio, which are seen together.
    hidden : int
        Width of the layers, even.
    layers : int
        Of the LSTM.
    bandwidth : float
        Frequencies above, in Hz, are not looked at, but masked all the same.
    causal : bool
        Whether no output depends on later frames.
    """

    n_fft: int = 4096
    hop_length: int = 1024
    stems: tuple[str, ...] = ("vocals",)
    channels: int = 2
    hidden: int = 512
    layers: int = 3
    bandwidth: float = 16000.0
    causal: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "stems", stem_names(self.stems))
        self._check("channels", "layers")
        number("bandwidth", self.bandwidth, minimum=self.sample_rate / self.n_fft)
        if integer("hidden", self.hidden) % 2:
            raise ParameterError(f"hidden must be even, half of it for each direction, got {self.hidden}.")

    @property
    def bins_seen(self) -> int:
        """Bins up to the bandwidth."""
        return min(self.bins, int(self.bandwidth * self.n_fft / self.sample_rate) + 1)


class OpenUnmix(Network):
    """Magnitudes of a mixture to those of its stems: three recurrent layers between linear ones.

    Parameters
    ----------
    **config
        Fields of `OpenUnmixConfig`.

    Examples
    --------
    >>> import torch
    >>> network = OpenUnmix(hidden=16)
    >>> network(torch.rand(1, 2, 2049, 5)).shape
    torch.Size([1, 1, 2, 2049, 5])

    Notes
    -----
    Written from the description in F.-R. Stöter, S. Uhlich, A. Liutkus and Y. Mitsufuji, "Open-Unmix: a
    reference implementation for music source separation", Journal of Open Source Software 4(41), 2019.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = OpenUnmixConfig(**config)
        self.networks = nn.ModuleList(_Stem(self.config) for _ in self.config.stems)

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of what is returned."""
        return self.config.stems

    def forward(self, mixture: Tensor) -> Tensor:
        """Return the magnitudes of the stems.

        Parameters
        ----------
        mixture : tensor of shape (batch, channels, freq, frames), nonnegative

        Returns
        -------
        tensor of shape (batch, stem, channels, freq, frames), nonnegative

        Raises
        ------
        ParameterError
            If channels or bins are not those of the configuration.
        """
        c = self.config
        if mixture.ndim != 4 or mixture.shape[1:3] != (c.channels, c.bins):
            raise ParameterError(
                f"mixture must have shape (batch, {c.channels}, {c.bins}, frames), as this network was made "
                f"for; got {tuple(mixture.shape)}."
            )
        frames = mixture.permute(0, 3, 1, 2)
        masks = torch.stack([network(frames) for network in self.networks], dim=1)
        return masks.permute(0, 1, 3, 4, 2) * mixture[:, None]


class _Stem(nn.Module):
    """(batch, frame, channel, freq) to masks of the same shape."""

    def __init__(self, config: OpenUnmixConfig) -> None:
        super().__init__()
        inputs, outputs = config.channels * config.bins_seen, config.channels * config.bins
        hidden, ways = config.hidden, 1 if config.causal else 2
        self.seen, self.shape = config.bins_seen, (config.channels, config.bins)
        # Standardisation of every bin, learnt; training may start it from the statistics of its data.
        self.input_shift = nn.Parameter(torch.zeros(config.bins_seen))
        self.input_scale = nn.Parameter(torch.ones(config.bins_seen))
        self.enter = nn.Sequential(nn.Linear(inputs, hidden, bias=False), _FrameBatchNorm(hidden), nn.Tanh())
        self.rnn = nn.LSTM(
            hidden,
            hidden // ways,
            config.layers,
            batch_first=True,
            bidirectional=not config.causal,
            dropout=0.4 if config.layers > 1 else 0.0,
        )
        self.join = nn.Sequential(
            nn.Linear(2 * hidden, hidden, bias=False), _FrameBatchNorm(hidden), nn.ReLU()
        )
        self.leave = nn.Sequential(nn.Linear(hidden, outputs, bias=False), _FrameBatchNorm(outputs))
        self.output_scale = nn.Parameter(torch.ones(config.bins))
        self.output_shift = nn.Parameter(torch.ones(config.bins))

    def forward(self, x: Tensor) -> Tensor:
        seen = (x[..., : self.seen] + self.input_shift) * self.input_scale
        y = self.enter(seen.flatten(-2))
        y = self.leave(self.join(torch.cat([y, self.rnn(y)[0]], dim=-1)))
        return torch.relu(y.unflatten(-1, self.shape) * self.output_scale + self.output_shift)


class _FrameBatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (batch, frame, feature)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])
