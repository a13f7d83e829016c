"""What every network of this package is."""

from __future__ import annotations

from typing import Any

from torch import nn

from phasewise.models.configuration import TransformConfig

__all__ = ["Network"]


class Network(nn.Module):
    """A module made of a configuration, for spectra of one transform."""

    config: Any

    @property
    def transform(self) -> TransformConfig:
        """The transform whose spectra it takes, and the sample rate."""
        own: TransformConfig = self.config
        return own
