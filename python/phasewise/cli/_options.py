"""Arguments that several sub-commands share, and the writing of their tables as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from phasewise.errors import ParameterError

__all__ = ["add_json", "memory_size", "write_json"]

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
