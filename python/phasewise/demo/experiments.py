"""Two experiments on a song whose true stems are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise.demo.setting import Callback, Experiment, Setting, mean_score
from phasewise.errors import ParameterError
from phasewise.factorization import nmf
from phasewise.filters import wiener
from phasewise.phase.onsets import detect_onsets

if TYPE_CHECKING:
    from phasewise.dictionary import Dictionary

__all__ = ["estimated_magnitude_table", "known_magnitude_table"]

Array: TypeAlias = NDArray[Any]

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
    setting = Setting(stems, n_fft, hop_length, 12, callback)
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
    setting = Setting(stems, n_fft, hop_length, 11 if blind else 7, callback)
    whole = np.broadcast_to(setting.sources.sum(axis=0), setting.sources.shape)
    setting.add("The mixture itself", BEFORE, signals=whole)
    facts = {}
    if blind:
        from phasewise.magnitude_models import load_dictionary
        from phasewise.separation import Separator

        for phase, label in (
            ("wiener", "Wiener"),
            ("MISI", f"MISI, {n_iter} it."),
            ("RAAR", f"RAAR, {n_iter} it."),
        ):
            separator = Separator("nmf-music4", phase=phase, n_iter=n_iter)
            facts["Dictionary"] = _describe(load_dictionary("nmf-music4")[0])
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


def _trace(setting: Setting, magnitudes: Array, algo: str, n_iter: int, last: Array) -> dict[int, float]:
    """Mean SI-SDR after growing numbers of iterations; ``last`` is the result of all of them."""
    marks = [n for n in (1, 2, 5, 10, 15, 20, 30, 40) if n < n_iter]
    points = {}
    for mark, spectra in zip(marks, _runs(setting, magnitudes, algo, marks), strict=True):
        points[mark] = mean_score(setting.scores(setting.signals(spectra)))
    points[n_iter] = mean_score(setting.scores(setting.signals(last)))
    return points


def _runs(setting: Setting, magnitudes: Array, algo: str, marks: Sequence[int]) -> Iterator[Array]:
    spectra: Any = "mixture"
    done = 0
    for mark in marks:
        if algo == "MISI":  # its result is its whole state: a run can be continued
            spectra, _ = setting.invert(magnitudes, algo, mark - done, spectra)
            done = mark
        else:
            spectra, _ = setting.invert(magnitudes, algo, mark)
        yield spectra


def _check_names(names: Sequence[str], known: Sequence[str]) -> None:
    if set(names) != set(known):
        raise ParameterError(
            f"stems must be those of the dictionary ({', '.join(known)}) for the blind rows, got "
            f"{', '.join(names)}; pass blind=False for other sources."
        )
