"""``phasewise demo``: tables on the terminal and as JSON, usage errors."""

import json

import pytest

from phasewise.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


def test_prints_tables_and_writes_files(folder, capsys):
    assert (
        main(["demo", "-o", str(folder / "out"), "--duration", "1", "--json", str(folder / "demo.json")]) == 0
    )
    out, _ = capsys.readouterr()
    tables = json.loads((folder / "demo.json").read_text("utf-8"))["tables"]
    for table in tables:
        assert table["title"] in out
        for row in table["rows"]:
            (line,) = {
                line
                for line in out.splitlines()
                if line.split("  ")[1:2] == [row["label"]] and _mean(line, row)
            }
            assert line
    assert "exactly, sample for sample" in out
    assert str(folder / "out" / "report.html") in out
    assert (folder / "out" / "report.html").exists()


def _mean(line, row):
    return line.split()[-1].rstrip("*") == f"{row['mean']:.1f}"


def test_json_alone_on_standard_output(folder, capsys):
    assert main(["demo", "-o", str(folder / "out"), "--duration", "1", "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["song"] == "Lithium"
    assert set(result["null_test"].values()) == {0.0}


def test_too_short_a_duration_is_a_usage_error(folder, capsys):
    assert main(["demo", "-o", str(folder / "none"), "--duration", "0.1"]) == 2
    assert "duration must be a finite number in [1.0" in capsys.readouterr().err
    assert not (folder / "none").exists()
