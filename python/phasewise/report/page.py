"""From a `Report` to one HTML file."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import phasewise
from phasewise._validate import choice
from phasewise._whole_file import whole_file
from phasewise.report import plots
from phasewise.report._require import require
from phasewise.report.items import Report
from phasewise.report.sound import Codec, SoundStore
from phasewise.report.views import view

__all__ = ["render_report", "write_report"]

_HERE = Path(__file__).parent


def write_report(path: str | os.PathLike[str], report: Report, *, codec: Codec = "ogg") -> Path:
    """Write a report as one self-contained HTML file.

    Parameters
    ----------
    path : path-like
        The file; its folder is created. It appears complete or not at all.
    report : Report
        What to show.
    codec : "ogg" or "flac"
        Format of the embedded audio: Ogg Vorbis, about 90 kbit/s per channel, or lossless 16-bit FLAC,
        three to four times as large.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    MissingDependencyError
        When Jinja2, matplotlib or (for players) soundfile is not installed; the message says what to install.
    """
    page = render_report(report, codec=codec)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(page)
    return target


def render_report(report: Report, *, codec: Codec = "ogg") -> str:
    """The page of `write_report` as a string."""
    choice("codec", codec, ("ogg", "flac"))
    jinja2 = require("jinja2")
    markup = require("markupsafe").Markup
    store = SoundStore(codec)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [
        {
            "id": f"part-{number}",
            "title": section.title,
            "lead": section.lead,
            "blocks": [
                {"kind": kind.__name__, "items": [view(item, store) for item in items]}
                for kind, items in itertools.groupby(section.items, type)
            ],
        }
        for number, section in enumerate(report.sections, 1)
    ]
    page: str = environment.get_template("template.html.j2").render(
        report=report,
        sections=sections,
        version=phasewise.__version__,
        style=markup((_HERE / "style.css").read_text("utf-8")),
        script=markup((_HERE / "player.js").read_text("utf-8")),
        sounds=markup(json.dumps(store.sounds)),
        chart=lambda plot: markup(plots.line_chart(plot)),
    )
    return page.lstrip()
