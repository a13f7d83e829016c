"""What the band-split networks have in common: configuration, body, one head per stem, checks."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from phasewise.errors import ParameterError
from phasewise.models._base import Network
from phasewise.models.band_rnn import BandBody, BandConfig, MaskHead
from phasewise.models.layers import Memory

__all__ = ["BandNetwork"]


class BandNetwork(Network):
    """A body shared by the stems, and a head for each.

    Parameters
    ----------
    **config
        Fields of `BandConfig`.
    """

    parts: int  # real numbers per bin of the input

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = BandConfig(**config)
        self.body = BandBody(self.config, self.parts)
        self.heads = nn.ModuleList(self._make_head() for _ in self.config.stems)

    def _make_head(self) -> MaskHead:
        raise NotImplementedError

    def _mask_head(self, parts: int) -> MaskHead:
        c = self.config
        return MaskHead(c.widths, c.features, c.mask_factor * c.features, parts=parts, causal=c.causal)

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of what is returned."""
        return self.config.stems

    def forward(self, mixture: Tensor, memory: Memory | None = None) -> Tensor:
        """Return what each stem has of the mixture.

        Parameters
        ----------
        mixture : tensor of shape (batch, channels, freq, frames)
            Magnitudes (`MagBS`) or complex values (`BSRNN`).
        memory : dict, optional
            What the next block of a stream needs; give the same dict, empty at first, with every block. Only
            for causal networks.

        Returns
        -------
        tensor of shape (batch, stem, channels, freq, frames)
            Like `mixture`.

        Raises
        ------
        ParameterError
            If the number of bins is not that of the configuration.
        """
        bins = self.config.bins
        if mixture.ndim != 4 or mixture.shape[2] != bins:
            raise ParameterError(
                f"mixture must have shape (batch, channels, {bins}, frames), as n_fft={self.config.n_fft} of "
                f"this network makes; got {tuple(mixture.shape)}."
            )
        if memory is not None and not self.config.causal:
            raise ParameterError("memory is for causal networks only; make this one with causal=True.")
        if mixture.numel() == 0:
            return mixture[:, None].expand(-1, len(self.stems), -1, -1, -1)
        return self._separate(mixture, memory)

    def _separate(self, mixture: Tensor, memory: Memory | None) -> Tensor:
        raise NotImplementedError
