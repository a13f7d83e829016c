"""What a report is made of: plain data, checked where a mistake would only show as a broken page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise.errors import ParameterError

_MISSING = "–"

Kind: TypeAlias = Literal["mixture", "reference", "estimate"]


@dataclass(frozen=True)
class Text:
    """Prose; blank lines separate paragraphs."""

    text: str


@dataclass(frozen=True)
class Row:
    """One line of a table. ``None`` and NaN mean "no value"; rows with the same ``group`` share a heading."""

    label: str
    values: Sequence[float | None]
    group: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers with one emphasised best value per column.

    Attributes
    ----------
    title, caption : str
        Heading, and the sentence that explains it.
    columns : sequence of str
        Names of the value columns; every row has as many values.
    rows : sequence of Row
        Rows of one group must follow each other.
    unit : str
        Unit of all values, named once in the heading.
    digits : int >= 0
        Decimals shown. ``to_json`` keeps full precision.
    best : "max", "min" or None
        Which value of each column is the best one; equal as shown means equally emphasised.
    per_group : bool
        Whether each group has best values of its own.
    bars : str
        Name of a column to underline with bars, or "".
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]
    caption: str = ""
    unit: str = "dB"
    digits: int = 1
    best: Literal["max", "min"] | None = "max"
    per_group: bool = False
    bars: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.values) != len(self.columns):
                raise ParameterError(
                    f"row {row.label!r} of table {self.title!r} must have one value per column "
                    f"({len(self.columns)}), got {len(row.values)}."
                )
        if self.bars and self.bars not in self.columns:
            raise ParameterError(f"bars must name a column of table {self.title!r}, got {self.bars!r}.")

    def shown(self, value: float | None) -> str:
        """The text of one cell."""
        if value is None or not math.isfinite(value):
            return _MISSING
        return f"{value:.{self.digits}f}"

    def is_best(self, row: Row, column: int) -> bool:
        """Whether the row's value is, as shown, the best one of its column."""
        text = self.shown(row.values[column])
        rivals = [
            self.shown(r.values[column]) for r in self.rows if not self.per_group or r.group == row.group
        ]
        values = [float(rival) for rival in rivals if rival != _MISSING]
        if self.best is None or text == _MISSING or len(values) < 2:
            return False
        return float(text) == (max(values) if self.best == "max" else min(values))

    def to_json(self) -> dict[str, Any]:
        """The table as plain JSON types, values in full precision, missing ones as null."""
        rows = []
        for row in self.rows:
            values = [v if v is not None and math.isfinite(v) else None for v in row.values]
            rows.append(
                {"label": row.label, "group": row.group, **dict(zip(self.columns, values, strict=True))}
            )
        return {"title": self.title, "unit": self.unit, "columns": list(self.columns), "rows": rows}

    def to_text(self) -> str:
        """The table for a terminal; ``*`` marks the best value of each column."""
        first = max((len(row.label) for row in self.rows), default=0) + 2
        widths = [max(len(c), self.digits + 6) + 1 for c in self.columns]
        title = f"{self.title} [{self.unit}]" if self.unit else self.title
        head = " " * first + "".join(f"{c:>{w}} " for c, w in zip(self.columns, widths, strict=True))
        lines = [title, head.rstrip(), "-" * len(head.rstrip())]
        group = ""
        for row in self.rows:
            if row.group != group:
                group = row.group
                lines.append(group)
            cells = "".join(
                f"{self.shown(v):>{w}}{'*' if self.is_best(row, k) else ' '}"
                for k, (v, w) in enumerate(zip(row.values, widths, strict=True))
            )
            lines.append(f"{'  ' if group else ''}{row.label}".ljust(first) + cells.rstrip())
        return "\n".join(lines)


@dataclass(frozen=True)
class Curve:
    """One line of a plot; ``x`` counts from 1 when it is not given."""

    label: str
    y: Sequence[float] | NDArray[Any]
    x: Sequence[float] | None = None

    @property
    def points(self) -> list[tuple[float, float]]:
        """The finite points, in order."""
        x = range(1, len(self.y) + 1) if self.x is None else self.x
        pairs = [(float(a), float(b)) for a, b in zip(x, self.y, strict=True)]
        return [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]


@dataclass(frozen=True)
class Plot:
    """Curves over a common axis. With ``log_y``, points at or below zero are left out."""

    title: str
    curves: Sequence[Curve]
    x_label: str = "iteration"
    y_label: str = ""
    log_y: bool = False
    caption: str = ""


@dataclass(frozen=True)
class Track:
    """A sound to listen to.

    Attributes
    ----------
    label : str
        Name on the switch.
    samples : ndarray of shape (samples,) or (channels, samples)
        Played as it is, gain untouched; full scale is 1.
    sample_rate : int
        In Hz.
    kind : "mixture", "reference" or "estimate"
        Estimates are compared with their group's reference, and are what the blind mode hides.
    score : float or None
        Shown beside the label.
    """

    label: str
    samples: NDArray[Any]
    sample_rate: int
    kind: Kind = "estimate"
    score: float | None = None

    def __post_init__(self) -> None:
        if np.ndim(self.samples) not in (1, 2) or not np.size(self.samples):
            raise ParameterError(
                f"samples of track {self.label!r} must have shape (samples,) or (channels, samples), "
                f"got {np.shape(self.samples)}."
            )


@dataclass(frozen=True)
class TrackGroup:
    """The versions of one source, all of one length and rate."""

    label: str
    tracks: Sequence[Track]

    def __post_init__(self) -> None:
        formats = {(t.sample_rate, np.shape(t.samples)[-1]) for t in self.tracks}
        if len(formats) != 1:
            raise ParameterError(
                f"tracks of group {self.label!r} must share one sample rate and length to play in step, "
                f"got (rate, samples) = {sorted(formats)}."
            )


@dataclass(frozen=True)
class Player:
    """One transport for many tracks: choose a source, switch between its versions at the same position."""

    title: str
    groups: Sequence[TrackGroup]
    caption: str = ""
    score_label: str = "SI-SDR"
    score_unit: str = "dB"

    def __post_init__(self) -> None:
        if not self.groups:
            raise ParameterError(f"player {self.title!r} must have at least one group of tracks, got none.")


@dataclass(frozen=True)
class Residual:
    """``max |mixture - sum of stems|`` of one result, full scale = 1."""

    label: str
    peak: float


@dataclass(frozen=True)
class NullTest:
    """Do the stems add up to the mixture? One bar per result, and a mark at the step of ``bits`` bits."""

    title: str
    residuals: Sequence[Residual]
    bits: int = 16
    caption: str = ""


@dataclass(frozen=True)
class Highlight:
    """A number worth knowing before reading on."""

    value: str
    label: str


Item: TypeAlias = Text | Table | Plot | Player | NullTest


@dataclass(frozen=True)
class Section:
    """A titled part of the page, with a link in its navigation."""

    title: str
    items: Sequence[Item]
    lead: str = ""


@dataclass(frozen=True)
class Report:
    """The whole page.

    Attributes
    ----------
    title, subtitle : str
        Heading and the sentence under it.
    sections : sequence of Section
    highlights : sequence of Highlight
        Up to four large numbers under the heading.
    facts : mapping of str to str
        Song, settings, versions: what somebody needs to repeat the result.
    """

    title: str
    sections: Sequence[Section]
    subtitle: str = ""
    highlights: Sequence[Highlight] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def measure_residual(label: str, mixture: NDArray[Any], stems: Sequence[NDArray[Any]]) -> Residual:
    """Null test of one set of stems.

    Parameters
    ----------
    label : str
        Name of the result.
    mixture : ndarray of shape (..., samples)
        Integer samples are summed as integers and measured against their format's full scale.
    stems : sequence of ndarray
        Each of the mixture's shape and of its kind (all integer or all floating point).

    Returns
    -------
    Residual
        Its ``peak`` is exactly 0.0 if and only if the stems add up to the mixture.
    """
    mixture = np.asarray(mixture)
    arrays = [np.asarray(stem) for stem in stems]
    for array in arrays:
        if array.shape != mixture.shape or (array.dtype.kind == "i") != (mixture.dtype.kind == "i"):
            raise ParameterError(
                f"stems of {label!r} must have the mixture's shape {mixture.shape} and kind "
                f"({mixture.dtype}), got {array.shape} and {array.dtype}."
            )
    # Integers are summed as integers: floating point could hide, or invent, a unit in the last place.
    integer = mixture.dtype.kind == "i"
    wide = np.int64 if integer else np.float64
    rest: NDArray[Any] = mixture.astype(wide)
    for array in arrays:
        rest = rest - array.astype(wide)
    scale = float(np.iinfo(mixture.dtype).max) + 1.0 if integer else 1.0
    return Residual(label, float(np.abs(rest).max(initial=0)) / scale)
