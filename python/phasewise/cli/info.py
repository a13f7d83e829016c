"""``phasewise info``: versions, instruction set, threads; what a bug report needs."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
from typing import Any

from phasewise.cli._options import add_json, write_json

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "print versions, instruction set and threads"

_PACKAGES = (
    "numpy",
    "safetensors",
    "soundfile",
    "soxr",
    "tqdm",
    "matplotlib",
    "Jinja2",
    "torch",
    "lightning",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise info``."""
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table, and write it as JSON where asked."""
    table = _collect()
    if args.json:
        write_json(args.json, table)
    if args.json != "-":
        width = max(map(len, table))
        for name, value in table.items():
            print(f"{name:<{width}}  {_plain(value)}")
    return 0


def _collect() -> dict[str, Any]:
    from phasewise.config import build_info

    table = {"phasewise" if name == "version" else name: value for name, value in build_info().items()}
    table["python"] = f"{platform.python_version()} ({sys.executable})"
    table["platform"] = platform.platform()
    for name in _PACKAGES:
        try:
            # Metadata only: importing torch would take seconds.
            table[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            table[name] = None
    table["libsndfile"] = _libsndfile()
    return table


def _libsndfile() -> str | None:
    try:
        import soundfile
    except (ImportError, OSError):
        return None
    return str(soundfile.__libsndfile_version__)


def _plain(value: Any) -> str:
    if value is None:
        return "not installed"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
