"""Where better phases would pay: the error of the mixture's phase, band by band and moment by moment."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._framing import framing
from phasewise._validate import complex_array, integer, magnitudes, number, real_array
from phasewise.errors import ParameterError
from phasewise.phase._problem import unit_phasors
from phasewise.windows import WindowSpec

__all__ = ["GainMap", "gain_map"]

#: Edges in Hz of the bands that `gain_map` uses unless told otherwise: octaves around 1 kHz.
OCTAVES = (0.0, 88.0, 177.0, 354.0, 707.0, 1414.0, 2828.0, 5657.0, 11314.0)


@dataclass(frozen=True)
class GainMap:
    """What `gain_map` found; the arrays are (source, band, block).

    Attributes
    ----------
    with_mixture_phase, with_true_phase : ndarray
        SI-SDR in dB of each source in each band and block: the given magnitudes with the phase of the
        mixture, and with the true phase. NaN where the source is silent; infinite for exact values.
    error : ndarray
        Energy of the error with the mixture's phase less that with the true phase, as a share of the
        energy of all sources: what better phases could remove at most. Negative values mean that wrong
        magnitudes go better with the phase of the mixture.
    bands : ndarray of shape (bands + 1,)
        Edges of the bands in Hz.
    times : ndarray of shape (blocks + 1,)
        Edges of the blocks in seconds.
    names : tuple of str
        Names of the sources.
    """

    with_mixture_phase: NDArray[np.float64]
    with_true_phase: NDArray[np.float64]
    error: NDArray[np.float64]
    bands: NDArray[np.float64]
    times: NDArray[np.float64]
    names: tuple[str, ...]

    def gain(self, limit: float = 40.0) -> NDArray[np.float64]:
        """Return the dB that the true phase gains, with both SI-SDR held within ``[-limit, limit]``.

        Parameters
        ----------
        limit : float > 0
            In dB; without it true phases and magnitudes would gain infinitely much.

        Returns
        -------
        ndarray of shape (source, band, block)
        """
        limit = number("limit", limit, minimum=0.0)
        true, mixture = (np.clip(a, -limit, limit) for a in (self.with_true_phase, self.with_mixture_phase))
        return np.asarray(true - mixture)

    def worst(self, count: int = 5) -> list[tuple[str, tuple[float, float], tuple[float, float], float]]:
        """Return where better phases would remove the most error.

        Parameters
        ----------
        count : int >= 1
            How many places.

        Returns
        -------
        list of (name, (low, high) in Hz, (start, end) in seconds, share of the energy)
            The largest first.
        """
        order = np.argsort(-self.error, axis=None, kind="stable")[: integer("count", count)]
        places = []
        for source, band, block in zip(*np.unravel_index(order, self.error.shape), strict=True):
            hertz = float(self.bands[band]), float(self.bands[band + 1])
            seconds = float(self.times[block]), float(self.times[block + 1])
            places.append((self.names[source], hertz, seconds, float(self.error[source, band, block])))
        return places

    def plot(self, *, limit: float = 40.0) -> Any:
        """Draw the gain of every source over time and bands; needs matplotlib (``phasewise[report]``).

        Parameters
        ----------
        limit : float > 0
            See `gain`.

        Returns
        -------
        matplotlib.figure.Figure
            One row per source: the gain in dB at the left, the removable error in dB below the energy of
            all sources at the right.
        """
        from phasewise.report._require import require

        figure_module = require("matplotlib.figure")
        rows = len(self.names)
        figure = figure_module.Figure(figsize=(10, 1 + 2 * rows), layout="constrained")
        axes = figure.subplots(rows, 2, squeeze=False, sharex=True, sharey=True)
        with np.errstate(divide="ignore"):
            removable = 10 * np.log10(np.maximum(self.error, 1e-12))
        pictures = (
            (self.gain(limit), "gain of the true phase, dB", 0.0, limit),
            (removable, "error that better phases remove, dB", -60.0, float(max(removable.max(), -59.0))),
        )
        grid = np.arange(len(self.bands))
        for column, (values, title, low, high) in enumerate(pictures):
            for row, name in enumerate(self.names):
                ax = axes[row, column]
                image = ax.pcolormesh(self.times, grid, values[row], vmin=low, vmax=high, cmap="magma")
                ax.set_yticks(grid, [f"{edge:.0f}" for edge in self.bands])
                ax.set_ylabel(f"{name}, Hz" if column == 0 else "")
                figure.colorbar(image, ax=ax)
            axes[0, column].set_title(title)
            axes[-1, column].set_xlabel("seconds")
        return figure

    def save(self, path: str | Path, *, limit: float = 40.0) -> None:
        """Write the picture of `plot` to a file, in the format of its ending (png, svg, pdf).

        Parameters
        ----------
        path : str or Path
        limit : float > 0
            See `gain`.

        Raises
        ------
        ParameterError
            If the ending names no format of matplotlib.
        """
        buffer = io.BytesIO()
        form = Path(path).suffix.lstrip(".") or "png"
        try:
            self.plot(limit=limit).savefig(buffer, format=form, dpi=150)
        except ValueError as error:
            raise ParameterError(f"path must end in a format of matplotlib such as .png: {error}") from None
        Path(path).write_bytes(buffer.getvalue())


def gain_map(
    sources: ArrayLike,
    mixture: ArrayLike | None = None,
    *,
    sample_rate: float,
    estimates: ArrayLike | None = None,
    bands: Sequence[float] | None = None,
    block: float = 0.5,
    n_fft: int | None = None,
    hop_length: int | None = None,
    window: WindowSpec = "hann",
    names: Sequence[str] | None = None,
) -> GainMap:
    """Tell where, in frequency and time, better phases of separated sources would gain the most.

    Every source is put together from magnitudes with the phase of the mixture, and again with its true
    phase; the difference is what phase recovery can gain.

    Parameters
    ----------
    sources : array of shape (source, ..., samples), real, or (source, ..., freq, frames), complex
        The true sources: waveforms, or their spectrograms. Axes between, channels for example, are summed
        over.
    mixture : array of the shape of one source, optional
        By default the sum of the sources.
    sample_rate : float > 0
        In Hz.
    estimates : array of shape (source, ..., freq, frames), nonnegative, optional
        Magnitudes of a separator; by default the true ones, with which the true phase is exact.
    bands : sequence of float, optional
        Edges of the bands in Hz, by default octaves around 1 kHz from 0 to half the sample rate.
    block : float > 0
        Seconds per block.
    n_fft, hop_length, window
        Parameters of the transform, see `phasewise.stft`. For spectrograms, `n_fft` is by default the even
        length that makes their bins.
    names : sequence of str, optional
        Names of the sources.

    Returns
    -------
    GainMap

    Raises
    ------
    ParameterError
        If shapes do not fit, or the bands do not rise.

    Notes
    -----
    Errors are measured on the spectrograms, before overlap-add; both halves of the spectrum count. Cost:
    one transform per source and some passes over its spectrogram.

    Examples
    --------
    >>> import numpy as np, phasewise as pw
    >>> t = np.arange(44100) / 44100
    >>> alone, together = np.sin(2 * np.pi * 3000 * t), np.sin(2 * np.pi * 440 * t)
    >>> other = np.cos(2 * np.pi * 440 * t)
    >>> found = pw.phase.gain_map([alone + together, other], sample_rate=44100, names=["a", "b"])
    >>> name, hertz, seconds, share = found.worst(1)[0]
    >>> hertz
    (354.0, 707.0)
    """
    given = np.asarray(sources)
    if np.iscomplexobj(given):
        S = complex_array("sources", given, min_ndim=3)
        n_fft = 2 * (S.shape[-2] - 1) if n_fft is None else n_fft
        f = framing(n_fft, hop_length, None, window)
        X = S.sum(axis=0) if mixture is None else complex_array("mixture", mixture)
    else:
        from phasewise.transform import stft

        f = framing(2048 if n_fft is None else n_fft, hop_length, None, window)
        options: dict[str, Any] = {"n_fft": f.n_fft, "hop_length": f.hop_length, "window": window}
        waves = real_array("sources", given, min_ndim=2)
        S = stft(waves, **options)
        X = stft(waves.sum(axis=0) if mixture is None else real_array("mixture", mixture), **options)
    if S.shape[-2] != f.bins or X.shape != S.shape[1:]:
        raise ParameterError(
            f"mixture must have the shape of one source, and both {f.bins} bins for n_fft={f.n_fft}; got "
            f"spectrograms of shape {X.shape} and {S.shape[1:]}."
        )
    V = np.abs(S) if estimates is None else magnitudes("estimates", estimates, min_ndim=3)
    if V.shape != S.shape:
        raise ParameterError(f"estimates must have shape {S.shape}, that of the sources; got {V.shape}.")
    labels = tuple(str(j) for j in range(len(S))) if names is None else tuple(map(str, names))
    if len(labels) != len(S):
        raise ParameterError(f"names must name {len(S)} sources, got {len(labels)} names.")
    rate = number("sample_rate", sample_rate, minimum=np.finfo(float).tiny)
    low, edges = _band_bins(bands, rate, f.n_fft, f.bins)
    first = _block_frames(number("block", block, minimum=0.0), rate, f.hop_length, S.shape[-1])

    with_mixture, with_true = V * unit_phasors(X), V * unit_phasors(S)
    a = np.full((f.bins, 1), 2.0)
    a[0] = 1
    if f.n_fft % 2 == 0:
        a[-1] = 1

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        """Sums over the axes between, and over each band and block: (source, band, block)."""
        weighted = a * values
        summed = weighted.reshape(len(S), -1, *weighted.shape[-2:]).sum(axis=1, dtype=np.float64)
        return np.asarray(np.add.reduceat(np.add.reduceat(summed, low, axis=1), first, axis=2))

    energy = total(np.abs(S) ** 2)
    errors = [total(np.abs(estimate - S) ** 2) for estimate in (with_mixture, with_true)]
    whole = energy.sum() or 1.0
    return GainMap(
        _si_sdr(energy, total((S.conj() * with_mixture).real), total(V**2)),
        _si_sdr(energy, total((S.conj() * with_true).real), total(V**2)),
        (errors[0] - errors[1]) / whole,
        edges,
        np.append(first, S.shape[-1]) * f.hop_length / rate,
        labels,
    )


def _band_bins(
    bands: Sequence[float] | None, rate: float, n_fft: int, bins: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the first bins of the bands, and their edges in Hz; the last band ends at half the rate."""
    if bands is None:
        edges = np.array([*(edge for edge in OCTAVES if edge < rate / 2), rate / 2])
    else:
        edges = np.asarray(bands, dtype=np.float64)
        if edges.ndim != 1 or len(edges) < 2 or np.any(np.diff(edges) <= 0) or edges[0] < 0:
            raise ParameterError("bands must be at least two rising edges in Hz, from 0 up.")
        if edges[0] != 0 or edges[-1] != rate / 2:
            raise ParameterError(f"bands must cover 0 to {rate / 2:g} Hz, got {edges[0]:g} to {edges[-1]:g}.")
    while True:
        low = np.ceil(edges[:-1] * n_fft / rate).astype(np.intp)
        empty = np.flatnonzero(np.diff(np.append(low, bins)) <= 0)
        if not len(empty):
            return low, edges
        if bands is not None:
            raise ParameterError("bands must each hold a bin; take wider bands or a larger n_fft.")
        # A band narrower than a bin joins the one above, the last one that below.
        edges = np.delete(edges, min(empty[0] + 1, len(edges) - 2))


def _block_frames(seconds: float, rate: float, hop: int, frames: int) -> NDArray[np.intp]:
    """Return the first frame of every block."""
    per_block = max(1, round(seconds * rate / hop))
    return np.arange(0, frames, per_block)


def _si_sdr(energy: NDArray[Any], inner: NDArray[Any], estimated: NDArray[Any]) -> NDArray[np.float64]:
    """SI-SDR in dB from sums of |S|^2, Re(conj(S) E) and |E|^2."""
    with np.errstate(divide="ignore", invalid="ignore"):
        target = inner**2 / energy
        # What rounding leaves of an exact estimate counts as nothing.
        noise = np.where(estimated - target > 8 * np.finfo(float).eps * estimated, estimated - target, 0.0)
        decibels = 10 * np.log10(target / noise)
    return np.where(energy > 0, decibels, np.nan)
