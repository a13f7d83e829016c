"""The phase recovery step of ``separate`` and ``refine``: every algorithm of the package behind one call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import choice, integer
from phasewise.filters import wiener
from phasewise.phase.inversion import spectrogram_inversion
from phasewise.phase.registry import ALGORITHMS
from phasewise.phase.unwrapping import pu_iter

__all__ = ["Recovery", "algorithm_name"]

_WIENER = "wiener"
_UNWRAPPED = "PU-Iter"
_STARTS = ("mixture", "sinusoidal", "random")
_CONSISTENCY_WEIGHT = 3.0


def algorithm_name(argument: str, value: str) -> str:
    """Return the algorithm's name as the package spells it; upper and lower case do not matter."""
    names = tuple(dict.fromkeys(["auto", _WIENER, *ALGORITHMS, _UNWRAPPED]))
    return choice(argument, {name.lower(): name for name in names}.get(str(value).lower(), value), names)


class Recovery:
    """Source spectrograms from a mixture and magnitudes.

    Parameters
    ----------
    algorithm : str
        A result of ``algorithm_name``. ``"wiener"`` gives every source its share of the mixture and nothing
        more.
    n_iter : int
        Iterations of the others.
    init : {"mixture", "sinusoidal", "random"}
        Their start; "auto" takes the Wiener estimate for "mixture".
    transform : dict
        ``n_fft``, ``hop_length`` and ``window`` of the STFT.
    """

    def __init__(self, algorithm: str, n_iter: int, init: str, transform: dict[str, Any]) -> None:
        self.algorithm = algorithm
        self.n_iter = integer("n_iter", n_iter, minimum=0)
        self.init = choice("init", init, _STARTS)
        self.transform = transform

    def __call__(
        self,
        mixture: NDArray[Any],
        magnitudes: NDArray[Any],
        *,
        length: int,
        rng: np.random.Generator | None = None,
        start: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return sources ``(channels, stems, freq, frames)``.

        Parameters
        ----------
        mixture : ndarray of complex64, shape (channels, freq, frames)
        magnitudes : ndarray of float32, shape (channels, stems, freq, frames)
        length : int
            Samples of the signal.
        rng : Generator, optional
            For a random start.
        start : ndarray of complex64, shape (channels, stems, freq, frames), optional
            Where the inversion starts, instead of ``init``.
        """
        sources: NDArray[Any]
        if self.algorithm == _WIENER:
            sources = wiener(mixture, magnitudes)
        elif self.algorithm == _UNWRAPPED:
            options = {"n_iter": self.n_iter, "hop_length": self.transform["hop_length"]}
            sources = _mixed(pu_iter(mixture, magnitudes, **options), mixture, magnitudes)
        else:
            own_start = self.algorithm == "auto" and self.init == "mixture"
            init: Any = ("auto" if own_start else self.init) if start is None else start
            sources = spectrogram_inversion(
                mixture,
                magnitudes,
                self.algorithm,
                n_iter=self.n_iter,
                init=init,
                rng=rng,
                length=length,
                consistency_weight=_CONSISTENCY_WEIGHT,
                **self.transform,
            )
            if not ALGORITHMS[self.algorithm].exact_mixture:
                sources = _mixed(sources, mixture, magnitudes)
        return sources


def _mixed(sources: NDArray[Any], mixture: NDArray[Any], magnitudes: NDArray[Any]) -> NDArray[Any]:
    """Share what ``sources`` lack of the mixture in proportion to the magnitudes, in place."""
    missing = mixture - sources.sum(axis=-3)
    total = magnitudes.sum(axis=-3)
    missing /= np.where(total > 0, total, 1)
    for j in range(sources.shape[-3]):
        sources[..., j, :, :] += magnitudes[..., j, :, :] * missing
    return sources
