"""Progress on a terminal and as JSON."""

import io
import json
import sys

import pytest

from phasewise.cli import _progress
from phasewise.cli._progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _terminal(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def _finish(progress):
    for fraction in (0.0, 0.5, 1.0):
        progress.update("a", fraction)
    progress.say("a note")
    progress.close()


@pytest.mark.parametrize("with_tqdm", [True, False])
def test_bar_appears_for_long_work_only(monkeypatch, with_tqdm):
    terminal = _terminal(monkeypatch)
    if not with_tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    _finish(Progress({"a": 1.0}))
    assert terminal.getvalue().strip() == "a note"
    monkeypatch.setattr(_progress, "_SHOW_AFTER", -1.0)
    _finish(Progress({"a": 1.0}))
    assert "0.0" in terminal.getvalue()


def test_no_bar_when_quiet_or_not_on_a_terminal(monkeypatch):
    terminal = _terminal(monkeypatch)
    monkeypatch.setattr(_progress, "_SHOW_AFTER", -1.0)
    _finish(Progress({"a": 1.0}, quiet=True))
    assert terminal.getvalue() == "a note\n"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    _finish(Progress({"a": 1.0}))
    assert sys.stderr.getvalue() == "a note\n"


def test_overall_fraction_weighs_files_by_length(capsys):
    progress = Progress({"a": 30.0, "b": 10.0}, as_json=True)
    progress.update("a", 0.5)
    progress.end("a", "done")
    progress.update("b", 0.5)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["overall"] for event in events] == [0.375, 0.75, 0.875]
    assert events[1] == {"event": "done", "file": "a", "overall": 0.75}
