"""How a command tells what it is doing: a bar, JSON lines, messages."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

__all__ = ["Progress"]

_SHOW_AFTER = 2.0  # seconds


class Progress:
    """Progress over several files, of which several may be under way; safe to call from any thread.

    On a terminal a bar appears on standard error if the work takes longer than two seconds. With ``as_json``
    every event is a line on standard output instead, ``{"event": "progress", "file": ..., "fraction": ...,
    "overall": ...}``; other events are start, done, skipped, failed and finished. Both fractions never
    decrease and end at 1.

    Parameters
    ----------
    lengths : dict of str to float
        The files and their weights in the overall fraction, e.g. seconds.
    as_json, quiet : bool
    """

    def __init__(self, lengths: dict[str, float], *, as_json: bool = False, quiet: bool = False) -> None:
        self._lengths = lengths
        self._total = sum(lengths.values()) or 1.0
        self._fractions = dict.fromkeys(lengths, 0.0)
        self._json = as_json
        self._lock = threading.RLock()
        self._bar = None if as_json or quiet or not sys.stderr.isatty() else _bar()

    def update(self, file: str, fraction: float) -> None:
        """Report the fraction of a file."""
        with self._lock:
            self._fractions[file] = fraction
            if self._bar is not None:
                self._bar.show(self._overall())
            self.event("progress", file, fraction=round(fraction, 4), overall=round(self._overall(), 4))

    def event(self, event: str, file: str | None = None, **details: Any) -> None:
        """Write an event as a JSON line, where these are wanted."""
        if not self._json:
            return
        line = {"event": event, **({} if file is None else {"file": file}), **details}
        with self._lock:
            print(json.dumps(line, ensure_ascii=False), flush=True)

    def end(self, file: str, event: str, **details: Any) -> None:
        """Report the end of a file: ``done``, ``skipped`` or ``failed``."""
        with self._lock:
            self._fractions[file] = 1.0
            self.event(event, file, overall=round(self._overall(), 4), **details)

    def say(self, message: str) -> None:
        """Print a message on standard error, clear of the bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            print(message, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()

    def _overall(self) -> float:
        return sum(self._fractions[file] * self._lengths[file] for file in self._fractions) / self._total


def _bar() -> _PlainBar | _TqdmBar:
    try:
        return _TqdmBar()
    except ImportError:
        return _PlainBar()


class _TqdmBar:
    """The bar of tqdm."""

    def __init__(self) -> None:
        from tqdm import tqdm

        layout = "{percentage:5.1f}%|{bar}| {elapsed}<{remaining}"
        self._bar = tqdm(total=1.0, delay=_SHOW_AFTER, bar_format=layout, leave=False, file=sys.stderr)

    def show(self, fraction: float) -> None:
        self._bar.update(fraction - self._bar.n)

    def clear(self) -> None:
        self._bar.clear()

    def close(self) -> None:
        self._bar.close()


class _PlainBar:
    """A percentage on one line, for installations without tqdm."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = False

    def show(self, fraction: float) -> None:
        if time.monotonic() - self._start > _SHOW_AFTER:
            print(f"\r{100 * fraction:5.1f} %", end="", file=sys.stderr, flush=True)
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            print("\r       \r", end="", file=sys.stderr, flush=True)

    close = clear
