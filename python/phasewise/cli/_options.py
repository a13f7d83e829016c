"""Arguments that several sub-commands share, and the writing of their tables as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from phasewise.errors import ParameterError

__all__ = ["BIT_DEPTHS", "FORMATS", "add_json", "add_output_options", "memory_size", "positive", "write_json"]

# Those of phasewise.audio, which would import numpy.
FORMATS = ("wav", "flac", "mp3", "ogg")
BIT_DEPTHS = ("8", "16", "24", "32", "32f")

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE``, which every sub-command that prints a table takes."""
    parser.add_argument(
        "--json", metavar="FILE", help="also write the table as JSON ('-' for standard output)"
    )


def write_json(path: str, value: Any) -> None:
    """Write ``value`` as indented JSON to ``path``, or to standard output for ``-``."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ParameterError(f"--json: cannot write {path!r}: {error.strerror}.") from None


def add_output_options(parser: argparse.ArgumentParser, *, below: str) -> None:
    """Add the options on files, memory and messages; names are ``below`` that folder."""
    files = parser.add_argument_group("files")
    files.add_argument("--format", choices=FORMATS, default="wav", help="file format of the stems (wav)")
    files.add_argument(
        "--bit-depth",
        choices=BIT_DEPTHS,
        help="sample format; without it the input's, and 24 for inputs that are lossy",
    )
    files.add_argument(
        "--filename",
        default="{track}/{stem}.{ext}",
        metavar="TEMPLATE",
        help=f"names below {below} ({{track}}/{{stem}}.{{ext}})",
    )
    files.add_argument("--skip-existing", action="store_true", help="leave tracks alone that are complete")
    work = parser.add_argument_group("work and messages")
    work.add_argument(
        "--max-memory",
        type=memory_size,
        default="1G",
        metavar="SIZE",
        help="memory to stay within, e.g. 512M (1G); decides how much audio is worked on at once",
    )
    work.add_argument(
        "--json-progress", action="store_true", help="progress as JSON lines on standard output"
    )
    messages = work.add_mutually_exclusive_group()
    messages.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    messages.add_argument("-v", "--verbose", action="store_true", help="print what is written")


def positive(text: str) -> int:
    """Return a positive integer from the command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number, got {text}")
    return value


def memory_size(text: str) -> int:
    """Return the bytes that ``text`` such as ``2G``, ``512M`` or ``1.5GiB`` means (units of 1024)."""
    word = text.strip().upper().removesuffix("IB").removesuffix("B")
    number, unit = (word[:-1], word[-1]) if word and word[-1] in "KMGT" else (word, "")
    try:
        size = int(float(number) * _UNITS[unit])
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise argparse.ArgumentTypeError(f"expected a size such as 512M or 2G, got {text!r}")
    return size
