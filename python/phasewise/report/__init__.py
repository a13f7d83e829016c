"""One self-contained HTML page: tables, synchronised players, spectrogram pictures, cost plots, null tests.

The page holds everything it needs (audio included), asks the network for nothing, follows the reader's
light or dark preference and works from the keyboard. Describe it with the small dataclasses below and
write it:

>>> from phasewise.report import Report, Row, Section, Table, write_report
>>> table = Table("SI-SDR", ["vocals", "drums"], [Row("Wiener", [7.1, 9.0]), Row("MISI", [9.4, 10.2])])
>>> write_report("report.html", Report("My song", [Section("Results", [table])]))  # doctest: +SKIP

Jinja2 and matplotlib (``pip install "phasewise[report]"``) are imported when a page is written, soundfile
(``pip install "phasewise[audio]"``) when it has players.
"""

from phasewise.report.items import (
    Curve,
    Highlight,
    Item,
    NullTest,
    Player,
    Plot,
    Report,
    Residual,
    Row,
    Section,
    Table,
    Text,
    Track,
    TrackGroup,
    measure_residual,
)
from phasewise.report.page import render_report, write_report

__all__ = [
    "Curve",
    "Highlight",
    "Item",
    "NullTest",
    "Player",
    "Plot",
    "Report",
    "Residual",
    "Row",
    "Section",
    "Table",
    "Text",
    "Track",
    "TrackGroup",
    "measure_residual",
    "render_report",
    "write_report",
]
