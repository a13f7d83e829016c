"""From a mixture to its stems in one differentiable piece: magnitudes, phases, inversion, signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from phasewise._validate import choice, integer
from phasewise.errors import ParameterError
from phasewise.models._base import Network
from phasewise.models.configuration import TransformConfig
from phasewise.models.storage import make_network
from phasewise.torch import ISTFT, STFT, UnfoldedInversion, spectrogram_inversion

__all__ = ["Demixer", "DemixerConfig"]

_PHASES = ("mixture", "wiener", "sinusoidal", "network")


@dataclass(frozen=True)
class DemixerConfig:
    """What a `Demixer` is made of.

    Parameters
    ----------
    magnitude : mapping
        ``{"network": name, "config": {...}}`` of the network that finds the magnitudes, a class of
        `phasewise.models`.
    phase : {"mixture", "wiener", "sinusoidal", "network"}
        Where the inversion starts: the mixture's phase, the Wiener estimate, the sinusoidal model, or a phase
        network.
    phase_network : mapping, optional
        The same for the phase network.
    algorithm : str, optional
        Inversion algorithm, see `phasewise.torch.spectrogram_inversion`; None: none, the start is the end.
    iterations : int
        Of the inversion.
    unfolded : bool
        Whether its numbers are learnt, see `phasewise.torch.UnfoldedInversion`.
    bands : int
        Bands that have such numbers of their own.
    rest : str
        Name of a further stem that takes what the others leave of the mixture's magnitudes, for networks
        whose stems are not the whole mixture; empty: none.
    """

    magnitude: Mapping[str, Any] = field(default_factory=lambda: {"network": "MagBS", "config": {}})
    phase: str = "mixture"
    phase_network: Mapping[str, Any] | None = None
    algorithm: str | None = "RAAR"
    iterations: int = 5
    unfolded: bool = False
    bands: int = 1
    rest: str = ""

    def __post_init__(self) -> None:
        choice("phase", self.phase, _PHASES)
        if (self.phase == "network") != (self.phase_network is not None):
            raise ParameterError("phase_network must be given with phase='network', and not without it.")
        integer("iterations", self.iterations, minimum=0)
        if self.unfolded and self.algorithm is None:
            raise ParameterError("algorithm must be named when unfolded is true, got None.")

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this configuration, as JSON can hold them."""
        return asdict(self)


class Demixer(Network):
    """Signals of a mixture to those of its stems, which sum to it.

    Parameters
    ----------
    **config
        Fields of `DemixerConfig`.

    Examples
    --------
    >>> import torch
    >>> small = {"stems": ["vocals", "rest"], "features": 8, "repeats": 1}
    >>> demixer = Demixer(magnitude={"network": "MagBS", "config": small}, algorithm="MISI")
    >>> demixer(torch.randn(1, 2, 8192)).shape
    torch.Size([1, 2, 2, 8192])

    Notes
    -----
    The transform is that of the magnitude network, padded with zeros. What is missing from the mixture in the
    end, if anything, is shared out equally. Every step is differentiable, but the phases of the sinusoidal
    model.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.config = c = DemixerConfig(**config)
        self.magnitude: Any = make_network(c.magnitude["network"], c.magnitude.get("config", {}))
        n_fft, hop = self.transform.n_fft, self.transform.hop_length
        self.phase: Any = None
        if c.phase_network is not None:
            self.phase = make_network(c.phase_network["network"], c.phase_network.get("config", {}))
            other = self.phase.config
            if (other.n_fft, other.hop_length) != (n_fft, hop):
                raise ParameterError(
                    f"phase_network must have n_fft={n_fft} and hop_length={hop} as the magnitude network, "
                    f"got {other.n_fft} and {other.hop_length}."
                )
        self.inversion: Any = None
        if c.unfolded and c.algorithm is not None:
            self.inversion = UnfoldedInversion(c.iterations, c.algorithm, n_fft, hop, bands=c.bands)
        self.stft, self.istft = STFT(n_fft, hop, compat="librosa"), ISTFT(n_fft, hop)

    @property
    def transform(self) -> TransformConfig:
        """The transform of the magnitude network."""
        own: TransformConfig = self.magnitude.transform
        return own

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of what is returned."""
        return (*self.magnitude.stems, *([self.rest] if self.rest else []))

    @property
    def rest(self) -> str:
        """Name of the stem that takes what the others leave, or nothing."""
        name: str = self.config.rest
        return name

    def forward(self, mixture: Tensor) -> Tensor:
        """Separate.

        Parameters
        ----------
        mixture : tensor of shape (batch, channels, samples)
            At the sample rate of `transform`.

        Returns
        -------
        tensor of shape (batch, stem, channels, samples)
            Its sum over the stems is the mixture, to rounding.

        Raises
        ------
        ParameterError
            If the shape is another one.
        """
        if mixture.ndim != 3:
            raise ParameterError(
                f"mixture must have shape (batch, channels, samples), got {tuple(mixture.shape)}."
            )
        X = self.stft(mixture)
        spectra = self.invert(X, self.magnitudes(X), mixture.shape[-1])
        signals = self.istft(spectra, length=mixture.shape[-1])
        return signals + ((mixture - signals.sum(1)) / len(self.stems))[:, None]

    def magnitudes(self, X: Tensor) -> Tensor:
        """Return the magnitudes (batch, stem, channels, freq, frames) of a mixture's spectrum."""
        level = X.abs()
        V: Tensor = self.magnitude(level)
        if not self.rest:
            return V
        return torch.cat([V, torch.relu(level - V.sum(1))[:, None]], dim=1)

    def invert(self, X: Tensor, V: Tensor, length: int) -> Tensor:
        """Return the spectra of the stems from the mixture's and their magnitudes, like `V`.

        Parameters
        ----------
        X : complex tensor of shape (batch, channels, freq, frames)
        V : tensor of shape (batch, stem, channels, freq, frames)
        length : int
            Samples of the mixture.
        """
        c = self.config
        # Functions of arrays have their sources beside the spectra.
        targets = V.transpose(1, 2)
        start: str | Tensor = c.phase
        if self.phase is not None:
            start = targets * self.phase(X, V).phasors.transpose(1, 2)
        if self.inversion is not None:
            return self.inversion(X, targets, init=start, length=length).transpose(1, 2)
        found = spectrogram_inversion(
            X,
            targets,
            c.algorithm or "AM",
            n_iter=c.iterations,
            init=start,
            length=length,
            n_fft=self.stft.n_fft,
            hop_length=self.stft.hop_length,
            window=self.stft.window,
        )
        return found.transpose(1, 2)
