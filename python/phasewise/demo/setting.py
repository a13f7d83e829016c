"""What the methods of an experiment share, and what they made of the mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, real_array
from phasewise.errors import Cancelled, ParameterError
from phasewise.metrics import si_sdr
from phasewise.phase.inversion import spectrogram_inversion
from phasewise.phase.unwrapping import pu_iter
from phasewise.report.items import Row, Table
from phasewise.transform import istft, stft

__all__ = ["Callback", "Estimate", "Experiment", "Setting", "mean_score"]

Array: TypeAlias = NDArray[Any]
Callback: TypeAlias = Callable[[float], Any]


@dataclass(frozen=True)
class Estimate:
    """What one method made of the mixture.

    Attributes
    ----------
    label, group : str
        The method, and the rows of the table it belongs to.
    signals : ndarray of shape (source, samples)
        The estimated sources.
    scores : ndarray of shape (source,)
        SI-SDR in dB; NaN where the true source is silent.
    cost : ndarray of shape (iterations,), or None
        The method's own cost after each iteration.
    trace : dict of int to float
        Mean SI-SDR after some numbers of iterations.
    """

    label: str
    group: str
    signals: Array
    scores: Array
    cost: Array | None
    trace: dict[int, float]

    @property
    def mean(self) -> float:
        """Mean SI-SDR in dB over the sources that sound."""
        return mean_score(self.scores)


@dataclass(frozen=True)
class Experiment:
    """Estimates of the same sources by several methods.

    Attributes
    ----------
    title, caption : str
        Of its table.
    names : tuple of str
        The sources.
    estimates : list of Estimate
    mixture_energy : float
        Of the mixture's spectrogram, in the unit of the costs.
    facts : dict of str to str
        Settings and observations.
    """

    title: str
    caption: str
    names: tuple[str, ...]
    estimates: list[Estimate]
    mixture_energy: float
    facts: dict[str, str]

    @property
    def table(self) -> Table:
        """SI-SDR per source and its mean over the sources that sound."""
        rows = [
            Row(e.label, [*(float(score) for score in e.scores), e.mean], e.group) for e in self.estimates
        ]
        return Table(
            self.title, [*self.names, "mean"], rows, caption=self.caption, per_group=True, bars="mean"
        )

    def find(self, label: str, group: str) -> Estimate:
        """The estimate of that label in that group."""
        return next(e for e in self.estimates if (e.label, e.group) == (label, group))


class Setting:
    """The song, its transform and the bookkeeping of the results."""

    def __init__(
        self, stems: Mapping[str, Array], n_fft: int, hop_length: int, steps: int, callback: Callback | None
    ) -> None:
        self.names = tuple(stems)
        self.sources = _stack(stems)
        self.hop_length = integer("hop_length", hop_length)
        self.n_fft = integer("n_fft", n_fft)
        self.spectra: Array = stft(self.sources, n_fft=n_fft, hop_length=hop_length)
        self.mixture: Array = self.spectra.sum(axis=0)
        self.transform = {"n_fft": n_fft, "hop_length": hop_length, "length": self.sources.shape[-1]}
        self.estimates: list[Estimate] = []
        self._steps, self._done, self._callback = steps, 0, callback
        self.advance(0)

    def advance(self, steps: int = 1) -> None:
        """Tell the callback how far we are."""
        self._done += steps
        if self._callback is not None and self._callback(min(1.0, self._done / self._steps)) is False:
            raise Cancelled("cancelled by the callback.")

    def energy(self) -> float:
        """Energy of the mixture's spectrogram; inner bins stand for two, as in the costs."""
        power: Array = np.asarray(np.sum(np.abs(self.mixture) ** 2, axis=-1, dtype=np.float64))
        inner = slice(1, (self.n_fft + 1) // 2)
        return float(power.sum() + power[inner].sum())

    def signals(self, spectra: Array) -> Array:
        """The waveforms of spectrograms (source, freq, frames)."""
        signals: Array = istft(spectra, **self.transform)
        return signals

    def scores(self, signals: Array) -> Array:
        """SI-SDR of every source in dB."""
        return np.asarray(si_sdr(self.sources, signals))

    def add(
        self,
        label: str,
        group: str,
        spectra: Array | None = None,
        *,
        signals: Array | None = None,
        cost: Array | None = None,
        trace: dict[int, float] | None = None,
    ) -> None:
        """Keep a result, given as spectrograms or as signals."""
        if signals is None:
            assert spectra is not None
            signals = self.signals(spectra)
        self.estimates.append(Estimate(label, group, signals, self.scores(signals), cost, trace or {}))
        self.advance()

    def invert(self, magnitudes: Array, algo: str, n_iter: int, init: Any = "mixture") -> tuple[Array, Array]:
        """`spectrogram_inversion` with its cost per iteration."""
        spectra, cost = spectrogram_inversion(
            self.mixture, magnitudes, algo, n_iter=n_iter, init=init, return_cost=True, **self.transform
        )
        return spectra, cost

    def start_from(
        self, start: Any, magnitudes: Array, onsets: Array, onset_phase: Array | None, n_iter: int
    ) -> tuple[Array, Array]:
        """`pu_iter`, the updates within each bin, with its cost per iteration."""
        spectra, cost = pu_iter(
            self.mixture,
            magnitudes,
            hop_length=self.hop_length,
            n_iter=n_iter,
            onsets=onsets,
            onset_phase=onset_phase,
            init=start,
            return_cost=True,
        )
        return spectra, cost


def mean_score(scores: Array) -> float:
    """Mean over the sources that sound; NaN if none does."""
    audible = scores[~np.isnan(scores)]
    return float(audible.mean()) if audible.size else float("nan")


def _stack(stems: Mapping[str, Array]) -> Array:
    arrays = [real_array(f"stems[{name!r}]", stem) for name, stem in stems.items()]
    if len(arrays) < 2 or len({array.shape for array in arrays}) != 1 or arrays[0].ndim != 1:
        shapes = {name: np.shape(stem) for name, stem in stems.items()}
        raise ParameterError(
            f"stems must be at least two mono signals of one length, shape (samples,), got {shapes}; "
            "mix stereo down first, for example with stem.mean(axis=0)."
        )
    return np.stack(arrays)
