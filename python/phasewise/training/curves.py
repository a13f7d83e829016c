"""The learning curves of a run as a picture."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from phasewise._whole_file import whole_file

__all__ = ["draw_curves"]


def draw_curves(run: str | os.PathLike[str]) -> Path:
    """Draw loss and validation of a run over its epochs.

    Parameters
    ----------
    run : path
        Folder that holds ``metrics.csv``.

    Returns
    -------
    Path
        ``curves.svg`` beside it.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    from phasewise.report._require import require

    run = Path(run)
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) for row in rows]
    figure = require("matplotlib.figure", "a picture of the curves").Figure(
        figsize=(8, 3), layout="constrained"
    )
    loss, score = figure.subplots(1, 2)
    loss.semilogy(epochs, [float(row["train_loss"]) for row in rows])
    loss.set(xlabel="epoch", ylabel="training loss")
    for name in rows[0]:
        if name.startswith("valid_usdr"):
            label = name.removeprefix("valid_usdr").strip("_") or "mean"
            values = [float(row[name] or "nan") for row in rows]
            score.plot(epochs, values, label=label, linewidth=2 if label == "mean" else 1)
    score.set(xlabel="epoch", ylabel="uSDR of validation, dB")
    score.legend(frameon=False)
    path = run / "curves.svg"
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
    return path
