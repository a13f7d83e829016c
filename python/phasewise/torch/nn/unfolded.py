"""Inversion unfolded into layers with a few numbers each that are learnt."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phasewise._validate import choice, integer
from phasewise.errors import ParameterError
from phasewise.phase.registry import ALGORITHMS, Algorithm, mixture_algorithm
from phasewise.torch.inversion import EXPONENTS, spectrogram_inversion
from phasewise.torch.nn.transforms import Framed
from phasewise.windows import WindowSpec

__all__ = ["UnfoldedInversion"]


class UnfoldedInversion(Framed):
    """K iterations of an inversion algorithm as layers, each with a few learnable numbers.

    Untrained, it is the algorithm of `phasewise.spectrogram_inversion` to rounding.

    Parameters
    ----------
    n_layers : int > 0
        Iterations.
    algo : str
        "MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix", "RRR" or "RAAR".
    n_fft, hop_length, win_length, window, center
        Parameters of the transform, which pads with zeros.
    bands : int > 0
        Number of bands, narrower at low frequencies, that have numbers of their own.
    consistency_weight : float > 0
        Where the weight of the inconsistency starts, in the "+Incons" algorithms.
    mixing_weights : str or float, optional
        Where the exponent p of the mixing weights V^p starts: "equal" (0), "magnitude" (1), "wiener" (2) or a
        number; by default the algorithm's own.
    relaxation : float, optional
        Where the relaxation starts; by default the algorithm's own, 1 for those without.
    learn : iterable of str, optional
        Which numbers are learnt: "consistency", "exponent", "relaxation", "step"; by default all that the
        algorithm has.
    epsilon : float > 0
        Bound of the gradient of phases, see `phasewise.torch.magnitude_projection`.

    Attributes
    ----------
    consistency : tensor of shape (n_layers, bands)
        The weight is its softplus.
    exponent : tensor of shape (n_layers, bands)
        Exponent p of the mixing weights; below 0 it counts as 0.
    relaxation : tensor of shape (n_layers, bands)
    step : tensor of shape (n_layers, bands)
        Share of the way to the magnitudes.
    """

    consistency: Tensor
    exponent: Tensor
    relaxation: Tensor
    step: Tensor
    _band: Tensor

    def __init__(
        self,
        n_layers: int = 5,
        algo: str = "MISI",
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        *,
        bands: int = 1,
        consistency_weight: float = 1.0,
        mixing_weights: str | float | None = None,
        relaxation: float | None = None,
        learn: Iterable[str] | None = None,
        epsilon: float = 1e-3,
    ) -> None:
        super().__init__(n_fft, hop_length, win_length, window, center, False)
        self.n_layers = integer("n_layers", n_layers)
        entry = _iterative(algo)
        self.algo = entry.name
        self.bands = integer("bands", bands)
        self.epsilon = epsilon
        if not consistency_weight > 0:
            raise ParameterError(f"consistency_weight must be positive, got {consistency_weight!r}.")
        weights = entry.weights if mixing_weights is None else mixing_weights
        if relaxation is None:
            relaxation = 1.0 if entry.relaxation is None else entry.relaxation
        starts = {
            "consistency": consistency_weight + math.log(-math.expm1(-consistency_weight)),
            "exponent": EXPONENTS[weights] if isinstance(weights, str) else float(weights),
            "relaxation": relaxation,
            "step": 1.0,
        }
        used = _numbers_of(entry)
        learnt = used if learn is None else [choice("learn", name, starts) for name in learn]
        for name, start in starts.items():
            values = torch.full((self.n_layers, self.bands), start, dtype=torch.float64)
            values = values.to(torch.get_default_dtype())
            if name in learnt and name in used:
                self.register_parameter(name, nn.Parameter(values))
            else:
                self.register_buffer(name, values)
        self.register_buffer("_band", _band_of_bins(n_fft // 2 + 1, self.bands), persistent=False)

    def extra_repr(self) -> str:
        """Show the parameters."""
        return f"n_layers={self.n_layers}, algo={self.algo!r}, bands={self.bands}, {super().extra_repr()}"

    def forward(
        self, mixture: Tensor, magnitudes: Tensor, init: str | Tensor = "mixture", length: int | None = None
    ) -> Tensor:
        """Estimate sources.

        Parameters
        ----------
        mixture : tensor of shape (..., freq, frames), complex
            Made with zero padding.
        magnitudes : tensor of shape (..., source, freq, frames), real
        init : {"mixture", "wiener", "sinusoidal"} or tensor
            Start, see `phasewise.torch.spectrogram_inversion`: a phase network's estimate for instance.
        length : int, optional
            Samples of the signals behind the mixture.

        Returns
        -------
        tensor of shape (..., source, freq, frames), complex
        """
        return spectrogram_inversion(
            mixture,
            magnitudes,
            self.algo,
            n_iter=self.n_layers,
            consistency_weight=F.softplus(self._per_bin("consistency")),
            init=init,
            mixing_weights=self._per_bin("exponent").clamp(min=0),
            relaxation=self._per_bin("relaxation"),
            magnitude_step=self._per_bin("step"),
            epsilon=self.epsilon,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            win_length=self.win_length,
            window=self.window,
            center=self.center,
            length=length,
        )

    def _per_bin(self, name: str) -> Tensor:
        """Return the numbers of the layers, one for all bins or one per bin."""
        values: Tensor = getattr(self, name)
        return values if self.bands == 1 else values[:, self._band]


def _iterative(algo: str) -> Algorithm:
    entry = mixture_algorithm(algo)
    if not entry.iterative or entry.name == "auto":
        known = [e.name for e in ALGORITHMS.values() if e.iterative and e.name != "auto"]
        raise ParameterError(f"algo must be one of {', '.join(map(repr, known))}; got {algo!r}.")
    return entry


def _numbers_of(entry: Algorithm) -> list[str]:
    """Return the names of the numbers that an algorithm has."""
    names = ["exponent", "relaxation"]
    if "Incons" in entry.name:
        names.append("consistency")
    if entry.name != "Mix+Incons":
        names.append("step")
    return names


def _band_of_bins(bins: int, bands: int) -> Tensor:
    """Return the band of each bin; widths grow with frequency from an eighth of the bins on."""
    if bands > bins:
        raise ParameterError(f"bands must be at most the number of bins, {bins}, got {bands}.")
    warped = torch.log1p(torch.arange(bins, dtype=torch.float64) * (8 / bins)) / math.log(9)
    return (warped * bands).long().clamp(max=bands - 1)
