"""``phasewise evaluate``."""

from __future__ import annotations

import csv
import json
import shutil

import pytest

from phasewise.cli import main


def test_table_files_and_report_say_the_same(songs_folder, tmp_path, capsys):
    made, paths = tmp_path / "made", {kind: tmp_path / f"scores.{kind}" for kind in ("json", "csv", "html")}
    for name in ("a", "b", "c", "d"):
        shutil.copytree(songs_folder / ("a" if name == "b" else name), made / name)
    options = ["--json", str(paths["json"]), "--csv", str(paths["csv"]), "--report", str(paths["html"])]
    assert main(["evaluate", str(songs_folder), str(made), "--stems", "drums,vocals", *options]) == 0
    table = json.loads(paths["json"].read_text())
    assert table["summary"]["usdr"]["statistic"] == "mean"
    assert table["summary"]["csdr"]["statistic"] == "median"
    assert set(table["tracks"]) == {"a", "b", "c", "d"}
    with paths["csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    for row in rows:
        assert float(row["usdr"]) == pytest.approx(
            table["tracks"][row["track"]][row["stem"]]["usdr"], abs=1e-4
        )
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if line.startswith("drums"))
    assert f"{table['summary']['usdr']['drums']['value']:.2f}" in line
    page = paths["html"].read_text()
    assert f"{table['summary']['usdr']['all']['value']:.2f}" in page


def test_missing_estimates_are_told(songs_folder, tmp_path, capsys):
    shutil.copytree(songs_folder, tmp_path / "made")
    (tmp_path / "made" / "c" / "vocals.wav").unlink()
    assert main(["evaluate", str(songs_folder), str(tmp_path / "made")]) == 1
    assert "missing: c/vocals" in capsys.readouterr().out


def test_mistakes_are_usage_errors(songs_folder, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), str(tmp_path)]) == 2
    assert "must hold songs as folders" in capsys.readouterr().err
    assert (
        main(["evaluate", str(songs_folder), str(songs_folder), "--csv", str(tmp_path / "no" / "x.csv")]) == 2
    )
    assert "--csv: cannot write" in capsys.readouterr().err
