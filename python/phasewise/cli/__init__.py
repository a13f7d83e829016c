"""The command line ``phasewise``: one module of this package per sub-command.

A sub-command is a module with

* ``SUMMARY``, the line shown by ``phasewise --help``;
* ``add_arguments(parser)``, which fills an ``argparse`` parser;
* ``run(args) -> int``, which does the work and returns the exit code.

Such a module imports nothing heavy at its top, so that ``phasewise --help`` costs as little as Python itself.
Exit codes: 0 all good, 1 some files failed (listed at the end), 2 usage, 130 cancelled.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType

import phasewise
from phasewise.errors import Cancelled, ParameterError, PhasewiseError

__all__ = ["COMMANDS", "main"]

COMMANDS = ("separate", "refine", "live", "invert", "nmf", "train", "evaluate", "demo", "info")

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; None takes them from ``sys.argv``.

    Returns
    -------
    int
        0 all good, 1 some files failed, 2 usage, 130 cancelled.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(arguments).parse_args(arguments)
    command = _module(args.command)
    try:
        with _terminable():
            return int(command.run(args))
    except (KeyboardInterrupt, Cancelled):
        print("phasewise: cancelled; nothing half-written was left behind.", file=sys.stderr)
        return EXIT_CANCELLED
    except PhasewiseError as error:
        print(f"phasewise {args.command}: {error}", file=sys.stderr)
        return EXIT_USAGE if isinstance(error, ParameterError) else EXIT_FAILED


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let a polite request to end (SIGTERM) do what Ctrl-C does: stop and clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"phasewise.cli.{name}")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the whole parser, with the arguments of the sub-command in use filled in."""
    parser = argparse.ArgumentParser(
        prog="phasewise",
        description="Audio in, stems out, with the phase of every source recovered.",
        epilog="phasewise COMMAND --help explains a command.",
    )
    parser.add_argument("--version", action="version", version=f"phasewise {phasewise.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = next((word for word in arguments if not word.startswith("-")), None)
    # Only the command in use is imported; the list of all of them is needed for help and for typing errors.
    for name in (named,) if named in COMMANDS else COMMANDS:
        module = _module(name)
        module.add_arguments(
            commands.add_parser(
                name,
                help=module.SUMMARY,
                description=module.SUMMARY,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser
