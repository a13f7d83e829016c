"""The band-split recurrent network on real and imaginary parts: the reference to beat."""

from __future__ import annotations

import torch
from torch import Tensor

from phasewise.models._network import BandNetwork
from phasewise.models.band_rnn import MaskHead
from phasewise.models.layers import Memory

__all__ = ["BSRNN"]


class BSRNN(BandNetwork):
    """Band-split recurrent network from the spectrogram of a mixture to those of its stems.

    Complex masks, of any size, are made by gated linear units.

    Parameters
    ----------
    **config
        Fields of `phasewise.models.BandConfig`.

    Examples
    --------
    >>> import torch
    >>> network = BSRNN(stems=("bass",), scheme="bass", features=8, repeats=1)
    >>> network(torch.randn(1, 2, 1025, 5, dtype=torch.complex64)).shape
    torch.Size([1, 1, 2, 1025, 5])

    Notes
    -----
    Y. Luo and J. Yu, "Music source separation with band-split RNN", IEEE/ACM TASLP 2023. With 64 features and
    8 repeats it has 8.02 million parameters for vocals, 7.11 for bass, 9.18 for drums, and 9.34 with the
    joint scheme.
    """

    parts = 2

    def _make_head(self) -> MaskHead:
        return self._mask_head(parts=4)

    def _separate(self, X: Tensor, memory: Memory | None) -> Tensor:
        features = self.body(torch.view_as_real(X), memory)
        masks = []
        for head in self.heads:
            value, gate = head(features).chunk(2, dim=-1)
            mask = value * torch.sigmoid(gate)
            masks.append(torch.complex(mask[..., 0], mask[..., 1]).unflatten(0, X.shape[:2]))
        return torch.stack(masks, dim=1) * X[:, None]
