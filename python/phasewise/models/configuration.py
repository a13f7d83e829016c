"""What the configurations of all networks have: the transform, checks, plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from phasewise._validate import choice, integer
from phasewise.errors import ParameterError
from phasewise.models.bands import SCHEMES, band_widths

__all__ = ["BandedConfig", "TransformConfig", "stem_names"]


@dataclass(frozen=True)
class TransformConfig:
    """The transform of a network.

    Parameters
    ----------
    sample_rate, n_fft, hop_length : int
    """

    sample_rate: int = 44100
    n_fft: int = 2048
    hop_length: int = 512

    def __post_init__(self) -> None:
        self._check("sample_rate", "n_fft", "hop_length")

    def _check(self, *names: str) -> None:
        """Refuse what is not a positive integer."""
        for name in names:
            integer(name, getattr(self, name))

    @property
    def bins(self) -> int:
        """Bins of the transform."""
        return self.n_fft // 2 + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this configuration, as JSON can hold them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class BandedConfig(TransformConfig):
    """The transform of a network and how it divides the frequencies.

    Parameters
    ----------
    scheme : str
        A key of `phasewise.models.bands.SCHEMES`.
    """

    scheme: str = "joint"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("scheme", self.scheme, SCHEMES)

    @property
    def widths(self) -> tuple[int, ...]:
        """Bins of every band."""
        return band_widths(self.scheme, sample_rate=self.sample_rate, n_fft=self.n_fft)


def stem_names(stems: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a network's stems, or say that they are no names."""
    names = tuple(stems)
    if isinstance(stems, str) or not names or len(set(names)) < len(names):
        raise ParameterError(f"stems must be distinct names, at least one; got {stems!r}.")
    return names
