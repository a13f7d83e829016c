"""What the template shows of each item: text, percentages and embedded files; no markup."""

from __future__ import annotations

import base64
import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.report import figures
from phasewise.report.items import Item, NullTest, Player, Plot, Row, Table, Text, Track, TrackGroup
from phasewise.report.sound import SoundStore

__all__ = ["view"]

_NULL_FLOOR = -160.0  # dB FS at the left end of a null test's scale


def view(item: Item, store: SoundStore) -> Any:
    """The template's side of an item; its sounds go to ``store``."""
    if isinstance(item, Text):
        return [paragraph.strip() for paragraph in item.text.split("\n\n") if paragraph.strip()]
    if isinstance(item, Table):
        return {"table": item, "groups": _row_groups(item)}
    if isinstance(item, NullTest):
        return _null_test(item)
    if isinstance(item, Player):
        return {"player": item, "groups": [_track_group(group, store) for group in item.groups]}
    assert isinstance(item, Plot)
    return item


def _row_groups(table: Table) -> list[dict[str, Any]]:
    bars = table.columns.index(table.bars) if table.bars else None
    drawn = [] if bars is None else [v for r in table.rows if (v := r.values[bars]) is not None and v > 0]
    longest = max(drawn, default=1.0)

    def cell(row: Row, column: int) -> dict[str, Any]:
        value = row.values[column]
        has_bar = column == bars and value is not None and math.isfinite(value)
        width = round(max(0.0, 100.0 * value / longest), 1) if has_bar and value is not None else None
        return {"text": _minus(table.shown(value)), "best": table.is_best(row, column), "bar": width}

    columns = range(len(table.columns))
    return [
        {"label": label, "rows": [(row.label, [cell(row, k) for k in columns]) for row in rows]}
        for label, rows in itertools.groupby(table.rows, key=lambda row: row.group)
    ]


def _null_test(test: NullTest) -> dict[str, Any]:
    step = -20.0 * math.log10(2.0) * (test.bits - 1)
    rows = []
    for residual in test.residuals:
        level = 20.0 * math.log10(residual.peak) if residual.peak > 0 else -math.inf
        rows.append(
            {
                "label": residual.label,
                "exact": residual.peak == 0,
                "text": "exactly zero" if residual.peak == 0 else _minus(f"{level:.1f} dB FS"),
                "width": _percent(level),
                "above": level > step + 0.01,
            }
        )
    ticks = [
        {"label": _minus(f"{t:.0f}"), "percent": _percent(t)} for t in (-160.0, -120.0, -80.0, -40.0, 0.0)
    ]
    return {
        "test": test,
        "rows": rows,
        "step": _percent(step),
        "step_label": _minus(f"{step:.0f}"),
        "ticks": ticks,
    }


def _percent(level: float) -> float:
    return round(100.0 * (1.0 - min(max(level / _NULL_FLOOR, 0.0), 1.0)), 2)


def _minus(number: str) -> str:
    """A number with a typographic minus sign."""
    return number.replace("-", "\N{MINUS SIGN}")


def _track_group(group: TrackGroup, store: SoundStore) -> dict[str, Any]:
    rate, length = group.tracks[0].sample_rate, int(np.shape(group.tracks[0].samples)[-1])
    reference = next((track for track in group.tracks if track.kind == "reference"), None)
    # The pictures of a group share one scale, and an estimate that is too loud must not darken the truth.
    given = [track for track in group.tracks if track.kind != "estimate"] or group.tracks
    top = max(figures.level(track.samples) for track in given)

    def picture(samples: NDArray[Any]) -> str:
        data = base64.b64encode(figures.spectrogram(samples, rate, top)).decode("ascii")
        return f"data:image/webp;base64,{data}"

    def shown(track: Track) -> dict[str, Any]:
        error = ""
        if reference is not None and track is not reference:
            error = picture(np.asarray(track.samples, dtype=np.float32) - np.asarray(reference.samples))
        return {
            "label": track.label,
            "kind": track.kind,
            "score": ""
            if track.score is None or not math.isfinite(track.score)
            else _minus(f"{track.score:.1f}"),
            "sound": store.add(track.samples, rate),
            "picture": picture(track.samples),
            "error": error,
        }

    return {
        "label": group.label,
        "tracks": [shown(track) for track in group.tracks],
        "seconds": length / rate,
        "times": figures.time_axis(length / rate),
        "frequencies": figures.frequency_axis(rate),
    }
