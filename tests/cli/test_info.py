"""``phasewise info``."""

import json

import pytest

import phasewise
from phasewise.cli import main


def test_table_and_json_say_the_same(tmp_path, capsys):
    path = tmp_path / "info.json"
    assert main(["info", "--json", str(path)]) == 0
    table = json.loads(path.read_text())
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert set(lines) == set(table)
    assert table["phasewise"] == phasewise.__version__
    assert table["threads"] == phasewise.get_num_threads()
    assert table["isa"] in table["isa_available"]
    assert lines["isa_available"] == ", ".join(table["isa_available"])


def test_json_to_standard_output(capsys):
    assert main(["info", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["numpy"]


def test_json_that_cannot_be_written(tmp_path, capsys):
    assert main(["info", "--json", str(tmp_path / "no" / "info.json")]) == 2
    assert "--json: cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("4k", 4096), ("512M", 512 * 2**20), ("1.5GiB", 3 * 2**29), ("2 GB", 2**31)],
)
def test_memory_sizes(text, size):
    from phasewise.cli._options import memory_size

    assert memory_size(text.replace(" ", "")) == size
