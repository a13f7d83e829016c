"""Magnitudes in, magnitudes out: the band-split network without phase."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from phasewise.models._network import BandNetwork
from phasewise.models.band_rnn import MaskHead
from phasewise.models.layers import Memory

__all__ = ["MagBS"]


class MagBS(BandNetwork):
    """Band-split recurrent network from the magnitudes of a mixture to those of its stems.

    The body is that of `BSRNN`; only magnitudes come in, and a rectifier keeps the masks nonnegative. What it
    does not know, the phase, is left to the methods of this package.

    Parameters
    ----------
    **config
        Fields of `phasewise.models.BandConfig`. A light attention between frames, ``attention=(1, 8)``,
        belongs to the network as proposed.

    Examples
    --------
    >>> import torch
    >>> network = MagBS(stems=("vocals",), features=8, repeats=1)
    >>> network(torch.rand(1, 2, 1025, 5)).shape
    torch.Size([1, 1, 2, 1025, 5])

    Notes
    -----
    From the talk of P. Magron, "Demixing sounds with AI: towards deep phase recovery", 2024. All masks start
    near 1, so that no rectifier starts out silent.
    """

    parts = 1

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        for head in self.heads:
            for last in head.last:  # type: ignore[union-attr]
                nn.init.ones_(last.bias)

    def _make_head(self) -> MaskHead:
        return self._mask_head(parts=1)

    def _separate(self, V: Tensor, memory: Memory | None) -> Tensor:
        features = self.body(V[..., None], memory)
        masks = [torch.relu(head(features)[..., 0]).unflatten(0, V.shape[:2]) for head in self.heads]
        return torch.stack(masks, dim=1) * V[:, None]
