"""Two experiments on a song whose true stems are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, real_array
from phasewise.errors import Cancelled, ParameterError
from phasewise.factorization import nmf
from phasewise.filters import wiener
from phasewise.metrics import si_sdr
from phasewise.phase.inversion import spectrogram_inversion
from phasewise.phase.onsets import detect_onsets
from phasewise.phase.unwrapping import pu_iter
from phasewise.report.items import Row, Table
from phasewise.transform import istft, stft

if TYPE_CHECKING:
    from phasewise.dictionary import Dictionary

__all__ = ["Estimate", "Experiment", "estimated_magnitude_table", "known_magnitude_table"]

Array: TypeAlias = NDArray[Any]
Callback: TypeAlias = Callable[[float], Any]

TRUE_ONSETS = "True phase in onset frames"
MIXTURE_ONSETS = "Mixture phase in onset frames"
CONSISTENT = "No onsets: consistency across bins, from the mixture phase"
BEFORE = "Before separation"
BLIND = "Blind: the dictionary nmf-music4"
INFORMED = "Informed: NMF of each true source"

_ESTIMATED_CAPTION = (
    "The training set of the dictionary contained this song: other parts of it, made of the same loops. So "
    "the blind rows flatter it. The informed rows know every source, and show how far such a model can carry."
)


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
        return _mean(self.scores)


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


class _Setting:
    """What the methods of an experiment share: the song, its transform, the bookkeeping of their results."""

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


def known_magnitude_table(
    stems: Mapping[str, Array],
    sample_rate: int,
    *,
    n_fft: int = 4096,
    hop_length: int = 1024,
    n_iter: int = 50,
    short_iter: int = 15,
    rng: Any = None,
    trace: bool = False,
    callback: Callback | None = None,
) -> Experiment:
    """Recover the phase of sources whose magnitudes are known exactly.

    Three starts of the same algorithm, `pu_iter`, which looks at one time-frequency bin at a time: the phase
    of the mixture, random phase, the sinusoidal model. Frames in which a source has an onset start from its
    true phase in one half of the rows, from the phase of the mixture in the other. Then the algorithms that
    also require each estimate to be the STFT of a signal: MISI and the reflections RRR and RAAR.

    Parameters
    ----------
    stems : mapping of str to ndarray of shape (samples,)
        The true sources, at least two, of one length; the mixture is their sum.
    sample_rate : int
        In Hz; onsets are sought in bands of fixed frequencies.
    n_fft, hop_length : int
        Of the STFT (Hann window).
    n_iter : int
        Iterations within the bins, and of the long run of MISI.
    short_iter : int
        Iterations of the short run of MISI, and of the reflections.
    rng : None, int or Generator
        Of the random start.
    trace : bool
        Also follow the mean SI-SDR over the iterations of MISI, RRR and RAAR, at the price of more runs.
    callback : callable, optional
        Called with the fraction that is done; returning False cancels.

    Returns
    -------
    Experiment

    Notes
    -----
    From the phase of the mixture, no update within a bin can turn a phase by anything but a half turn: all
    corrections point along the mixture. So its row without iterations and the one with them differ little.
    Setting of Magron, Badeau & David, "Model-based STFT phase recovery for audio source separation", IEEE/ACM
    TASLP 2018.
    """
    setting = _Setting(stems, n_fft, hop_length, 12, callback)
    magnitudes = np.abs(setting.spectra)
    onsets = detect_onsets(magnitudes, sample_rate=sample_rate, hop_length=hop_length)
    noise = np.random.default_rng(rng).uniform(-np.pi, np.pi, magnitudes.shape).astype(magnitudes.dtype)
    starts: list[tuple[str, Any, int]] = [
        ("Mixture phase", "mixture", 0),
        (f"Mixture phase, {n_iter} it.", "mixture", n_iter),
        (f"Random start, {n_iter} it.", noise, n_iter),
        (f"Sinusoidal start, {n_iter} it.", "sinusoidal", n_iter),
    ]
    for group, onset_phase in ((TRUE_ONSETS, setting.spectra), (MIXTURE_ONSETS, None)):
        for label, start, iterations in starts:
            spectra, cost = setting.start_from(start, magnitudes, onsets, onset_phase, iterations)
            setting.add(label, group, spectra, cost=cost if iterations else None)

    for algo, iterations in (
        ("MISI", short_iter),
        ("MISI", n_iter),
        ("RRR", short_iter),
        ("RAAR", short_iter),
    ):
        spectra, cost = setting.invert(magnitudes, algo, iterations)
        # The longer run of MISI passes through the shorter one.
        wanted = trace and not (algo == "MISI" and iterations == short_iter)
        points = _trace(setting, magnitudes, algo, iterations, spectra) if wanted else {}
        setting.add(f"{algo}, {iterations} it.", CONSISTENT, spectra, cost=cost, trace=points)

    shares = ", ".join(
        f"{name} {share:.1%}" for name, share in zip(setting.names, onsets.mean(axis=-1), strict=True)
    )
    return Experiment(
        "SI-SDR with known magnitudes",
        "Scale-invariant signal-to-distortion ratio of every source, and their mean: higher is better, and "
        "the best of each group is emphasised. Rows without a number of iterations (it.) have none.",
        setting.names,
        setting.estimates,
        setting.energy(),
        {"STFT": f"{n_fft}/{hop_length}, Hann window", "Frames with an onset": shares},
    )


def estimated_magnitude_table(
    stems: Mapping[str, Array],
    sample_rate: int,
    *,
    n_fft: int = 4096,
    hop_length: int = 1024,
    n_iter: int = 15,
    phase_iter: int = 50,
    rank: int = 50,
    nmf_iter: int = 100,
    rng: Any = None,
    blind: bool = True,
    callback: Callback | None = None,
) -> Experiment:
    """Separate a song with magnitudes from nonnegative matrix factorisation, and score the mixture itself.

    Blind: `phasewise.Separator` with the dictionary of the package, as ``phasewise separate`` does. Informed:
    the magnitudes are rank-``rank`` factorisations of the true ones, the best that such a model could find.

    Parameters
    ----------
    stems : mapping of str to ndarray of shape (samples,)
        The true sources; with ``blind``, those of the dictionary.
    sample_rate : int
        In Hz.
    n_fft, hop_length : int
        Of the informed part; the dictionary brings its own.
    n_iter, phase_iter : int
        Iterations of MISI and RAAR, and of the sinusoidal start.
    rank, nmf_iter : int
        Components per source and iterations of the informed factorisation (Kullback-Leibler divergence).
    rng : None, int or Generator
        Of its start.
    blind : bool
        Whether to run the blind part.
    callback : callable, optional
        Called with the fraction that is done; returning False cancels.

    Returns
    -------
    Experiment
    """
    setting = _Setting(stems, n_fft, hop_length, 11 if blind else 7, callback)
    whole = np.broadcast_to(setting.sources.sum(axis=0), setting.sources.shape)
    setting.add("The mixture itself", BEFORE, signals=whole)
    facts = {}
    if blind:
        from phasewise.separation import Separator

        for phase, label in (
            ("wiener", "Wiener"),
            ("MISI", f"MISI, {n_iter} it."),
            ("RAAR", f"RAAR, {n_iter} it."),
        ):
            separator = Separator("nmf-music4", phase=phase, n_iter=n_iter)
            facts["Dictionary"] = _describe(separator.dictionary)
            parts = separator.separate(setting.sources.sum(axis=0), sample_rate)
            _check_names(setting.names, tuple(parts))
            setting.add(label, BLIND, signals=np.stack([parts[name] for name in setting.names]))

    truth = np.abs(setting.spectra)
    W, H = nmf(truth, rank, n_iter=nmf_iter, rng=rng)
    magnitudes = W @ H
    setting.advance(2)
    setting.add("Wiener", INFORMED, wiener(setting.mixture, magnitudes))
    for algo in ("MISI", "RAAR"):
        spectra, cost = setting.invert(magnitudes, algo, n_iter)
        setting.add(f"{algo}, {n_iter} it.", INFORMED, spectra, cost=cost)
    onsets = detect_onsets(magnitudes, sample_rate=sample_rate, hop_length=hop_length)
    spectra, cost = setting.start_from("sinusoidal", magnitudes, onsets, None, phase_iter)
    setting.add(f"Sinusoidal start, {phase_iter} it.", INFORMED, spectra, cost=cost)
    facts["Informed NMF"] = f"rank {rank} per source, Kullback-Leibler divergence, {nmf_iter} iterations"
    return Experiment(
        "SI-SDR with estimated magnitudes",
        _ESTIMATED_CAPTION,
        setting.names,
        setting.estimates,
        setting.energy(),
        facts,
    )


def _describe(dictionary: Dictionary) -> str:
    spectra = sum(W.shape[1] for W in dictionary.W.values())
    return (
        f"nmf-music4, {spectra} spectra, STFT {dictionary.n_fft}/{dictionary.hop_length}, "
        f"{dictionary.n_iter} iterations"
    )


def _trace(setting: _Setting, magnitudes: Array, algo: str, n_iter: int, last: Array) -> dict[int, float]:
    """Mean SI-SDR after growing numbers of iterations; ``last`` is the result of all of them."""
    marks = [n for n in (1, 2, 5, 10, 15, 20, 30, 40) if n < n_iter]
    points = {}
    for mark, spectra in zip(marks, _runs(setting, magnitudes, algo, marks), strict=True):
        points[mark] = _mean(setting.scores(setting.signals(spectra)))
    points[n_iter] = _mean(setting.scores(setting.signals(last)))
    return points


def _runs(setting: _Setting, magnitudes: Array, algo: str, marks: Sequence[int]) -> Iterator[Array]:
    spectra: Any = "mixture"
    done = 0
    for mark in marks:
        if algo == "MISI":  # its result is its whole state: a run can be continued
            spectra, _ = setting.invert(magnitudes, algo, mark - done, spectra)
            done = mark
        else:
            spectra, _ = setting.invert(magnitudes, algo, mark)
        yield spectra


def _mean(scores: Array) -> float:
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


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    if set(names) != set(known):
        raise ParameterError(
            f"stems must be those of the dictionary ({', '.join(known)}) for the blind rows, got "
            f"{', '.join(names)}; pass blind=False for other sources."
        )
