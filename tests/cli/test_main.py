"""The frame of the command line: discovery of sub-commands, help, exit codes."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import phasewise
from phasewise import cli
from phasewise.errors import AudioDecodeError, Cancelled, ParameterError


def _command(outcome):
    """A sub-command that takes one word and then behaves as told."""

    def run(args):
        assert args.word == "hello"
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return SimpleNamespace(
        SUMMARY="a test", add_arguments=lambda parser: parser.add_argument("word"), run=run
    )


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (0, 0),
        (1, 1),
        (ParameterError("n_fft must be an integer >= 1, got 0."), 2),
        (AudioDecodeError("song.wav: truncated"), 1),
        (Cancelled("stop"), 130),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(monkeypatch, capsys, outcome, code):
    monkeypatch.setattr(cli, "_module", lambda name: _command(outcome))
    assert cli.main(["info", "hello"]) == code
    message = capsys.readouterr().err
    if isinstance(outcome, ParameterError | AudioDecodeError):
        assert message == f"phasewise info: {outcome}\n"
    assert ("cancelled" in message) == (code == 130)


@pytest.mark.parametrize("arguments", [[], ["seperate", "song.wav"], ["info", "--no-such-option"]])
def test_usage_errors_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage: phasewise" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert all(f"\n    {name} " in text for name in cli.COMMANDS)


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"phasewise {phasewise.__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from phasewise.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = 'numpy', 'torch', 'soundfile', 'soxr', 'tqdm', 'phasewise._core'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_module_runs_as_program():
    done = subprocess.run(
        [sys.executable, "-m", "phasewise", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("phasewise ")
