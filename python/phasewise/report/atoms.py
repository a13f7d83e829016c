"""Pictures of factorisations: every source's spectra or templates, and when they sound."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._whole_file import whole_file
from phasewise.report._require import require
from phasewise.report.figures import LOWEST, log_rows

__all__ = ["Atoms", "describe", "draw"]

Array = NDArray[Any]

_RANGE = 60.0  # dB from the brightest to the darkest colour
_ROWS = 240
_COLUMNS = 1600


@dataclass(frozen=True)
class Atoms:
    """The components of one source.

    Parameters
    ----------
    name : str
    W : array of shape (freq, k), or (k, freq, taps) for templates of several frames
    H : array of shape (k, frames), optional
    """

    name: str
    W: Array
    H: Array | None = None

    @property
    def count(self) -> int:
        """Number of components."""
        return int(self.W.shape[0] if self.W.ndim == 3 else self.W.shape[1])

    @property
    def spectra(self) -> Array:
        """The components summed over their taps, (k, freq)."""
        return np.asarray(self.W.sum(axis=2) if self.W.ndim == 3 else self.W.T)

    @property
    def order(self) -> Array:
        """Components from low to high, by the mean logarithm of the bin, weighted by the spectrum."""
        total = self.spectra.sum(axis=1)
        centroids = self.spectra @ np.log1p(np.arange(self.spectra.shape[1]))
        return np.argsort(centroids / np.where(total > 0, total, 1), kind="stable")

    @property
    def loudness(self) -> Array:
        """Activations times the sum of their spectrum, the magnitude that a component adds to a frame."""
        assert self.H is not None
        return np.asarray(self.H * self.spectra.sum(axis=1)[:, None])


def describe(sources: Sequence[Atoms], sample_rate: float) -> dict[str, list[dict[str, float]]]:
    """Return what the picture shows, as numbers: the atoms of every source in the order of `draw`.

    Returns
    -------
    dict of str to list of dict
        For each atom its ``column`` in W, the frequencies ``peak_hz`` and ``centroid_hz`` of its spectrum
        and, with activations, its ``share`` of the magnitude of all sources.
    """
    total = sum(float(source.loudness.sum(dtype=np.float64)) for source in sources if source.H is not None)
    table: dict[str, list[dict[str, float]]] = {}
    for source in sources:
        spectra = source.spectra.astype(np.float64)
        hertz = np.linspace(0, sample_rate / 2, spectra.shape[1])
        sums = spectra.sum(axis=1)
        centroids = spectra @ hertz / np.where(sums > 0, sums, 1)
        atoms = table[source.name] = []
        for k in source.order:
            atom = {"column": int(k), "peak_hz": float(hertz[spectra[k].argmax()])}
            atom["centroid_hz"] = float(centroids[k])
            if source.H is not None:
                atom["share"] = float(source.loudness[k].sum(dtype=np.float64)) / (total or 1.0)
            atoms.append(atom)
    return table


def draw(
    sources: Sequence[Atoms], path: Path, *, sample_rate: float, hop_length: int | None = None, title: str
) -> None:
    """Draw the atoms of every source, low ones first, and their activations beside them, into a file.

    Parameters
    ----------
    sources : sequence of Atoms
        All with activations, or none.
    path : path
        Its ending decides the format: png, svg or pdf. The file appears complete or not at all; equal
        sources make equal files.
    sample_rate : float
        In Hz; frequencies are drawn from 40 Hz (or the first bin) to half of it, on a logarithmic axis.
    hop_length : int, optional
        Samples between frames, for an axis in seconds instead of frames.
    title : str

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    OSError
        If the file cannot be written.
    """
    figures = require("matplotlib.figure", "a picture")
    active = all(source.H is not None for source in sources)
    figure = figures.Figure(
        figsize=(12 if active else 7, 0.8 + 2.6 * len(sources)), dpi=120, layout="constrained"
    )
    panels = figure.subplots(len(sources), 1 + active, squeeze=False, width_ratios=(1, 2) if active else (1,))
    loudest = max((float(source.loudness.max(initial=0)) for source in sources if active), default=1.0)
    for source, row in zip(sources, panels, strict=True):
        image = _draw_spectra(row[0], source, sample_rate)
        if active:
            _draw_activations(row[1], source, loudest, sample_rate, hop_length)
    figure.colorbar(image, ax=panels, label="dB below the peak", shrink=min(1.0, 1.6 / len(sources)))
    figure.suptitle(title)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    kind = path.suffix[1:].lower()
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    buffer = io.BytesIO()
    with require("matplotlib", "a picture").rc_context({"svg.hashsalt": "phasewise"}):
        figure.savefig(buffer, format=kind, metadata=undated)
    with whole_file(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _draw_spectra(panel: Any, source: Atoms, sample_rate: float) -> Any:
    W, order = source.W, source.order
    # Templates stand side by side, each with the peak of 0 dB.
    templates = W[order] if W.ndim == 3 else W.T[order, :, None]
    count, freq, taps = templates.shape
    peaks = templates.max(axis=(1, 2), keepdims=True)
    columns = (templates / np.where(peaks > 0, peaks, 1)).transpose(1, 0, 2).reshape(freq, -1)
    n_fft = 2 * (freq - 1)
    lowest = min(max(LOWEST, sample_rate / n_fft), sample_rate / 4)
    image = panel.imshow(
        _decibels(log_rows(columns, lowest, sample_rate, n_fft, _ROWS)),
        extent=(0.5, count + 0.5, np.log10(lowest), np.log10(sample_rate / 2)),
        **_style(),
    )
    marks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000]
    marks = [f for f in marks if lowest <= f < sample_rate / 2]
    panel.set_yticks(np.log10(marks), [f"{f // 1000} kHz" if f >= 1000 else f"{f} Hz" for f in marks])
    if W.ndim == 3:
        for k in range(1, count):
            panel.axvline(k + 0.5, color="white", linewidth=0.6)
    word = f"templates of {taps} frames" if W.ndim == 3 else "spectra"
    panel.set_title(f"{source.name}: {count} {word}", loc="left", fontsize="medium")
    panel.set_xlabel("atom, from low to high")
    panel.xaxis.get_major_locator().set_params(integer=True)
    return image


def _draw_activations(
    panel: Any, source: Atoms, loudest: float, sample_rate: float, hop_length: int | None
) -> None:
    loudness = source.loudness[source.order]
    count, frames = loudness.shape
    step = -(-frames // _COLUMNS)
    # Of many frames the loudest counts, so that a short sound does not vanish.
    shown = np.maximum.reduceat(loudness, np.arange(0, frames, step), axis=1)
    end = frames if hop_length is None else frames * hop_length / sample_rate
    panel.imshow(_decibels(shown / (loudest or 1)), extent=(0, end, 0.5, count + 0.5), **_style())
    panel.set_title(f"{source.name}: activations", loc="left", fontsize="medium")
    panel.set_xlabel("frame" if hop_length is None else "seconds")
    panel.set_ylabel("atom")
    panel.yaxis.get_major_locator().set_params(integer=True)


def _decibels(ratio: Array) -> Array:
    return np.asarray(20 * np.log10(np.maximum(ratio, 1e-9)))


def _style() -> dict[str, Any]:
    return {
        "origin": "lower",
        "aspect": "auto",
        "cmap": "magma",
        "vmin": -_RANGE,
        "vmax": 0,
        "interpolation": "nearest",
    }
