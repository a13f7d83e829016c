"""Which files a command works on, and where its results go."""

from __future__ import annotations

import os
import string
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from phasewise.audio import EXTENSIONS, info
from phasewise.errors import AudioDecodeError, ParameterError

__all__ = ["Layout", "Track", "durations", "find_tracks"]

_FIELDS = ("track", "stem", "ext")


@dataclass(frozen=True)
class Track:
    """A file to work on.

    Attributes
    ----------
    source : Path
        The file.
    name : str
        Where its results go below the output folder: its name without extension, after its sub-folders of the
        folder that was given.
    """

    source: Path
    name: str


def find_tracks(paths: Sequence[str], *, exclude: Path) -> list[Track]:
    """Return the files that ``paths`` name; folders are searched for audio files, hidden ones left out.

    Nothing below ``exclude``, the output folder, is taken from a folder: results are no inputs. Where two
    files would get the same name, ``song.wav`` and ``song.mp3`` keep their extensions, and
    ``one/mixture.wav`` and ``two/mixture.wav`` their folders.

    Raises
    ------
    ParameterError
        If a folder holds no audio file.
    """
    found: dict[Path, Track] = {}  # by their real paths: every file once
    for text in paths:
        path = Path(text)
        files = sorted(_audio_files(path, exclude.resolve())) if path.is_dir() else [path]
        if not files:
            kinds = " ".join(EXTENSIONS)
            raise ParameterError(f"{text}: no audio files in this folder (looked for {kinds}).")
        for file in files:
            name = file.relative_to(path) if path.is_dir() else Path(file.name)
            found.setdefault(file.resolve(), Track(file, name.as_posix()))
    return _named(list(found.values()))


def _named(tracks: list[Track]) -> list[Track]:
    """Drop extensions from the names where these differ otherwise, and add folders where they do not."""
    full = [Path(os.path.abspath(track.source)) for track in tracks]
    alike = Counter(path.with_suffix("") for path in full)
    full = [path if alike[path.with_suffix("")] > 1 else path.with_suffix("") for path in full]
    parts = [len(Path(track.name).parts) for track in tracks]
    while True:
        names = [Path(*path.parts[-n:]).as_posix() for path, n in zip(full, parts, strict=True)]
        taken = Counter(names)
        if len(taken) == len(names):
            return [Track(track.source, name) for track, name in zip(tracks, names, strict=True)]
        parts = [n + (taken[name] > 1) for n, name in zip(parts, names, strict=True)]


def durations(tracks: Iterable[Track]) -> dict[str, float]:
    """Return the seconds of every file, for the progress; 1 for those that cannot be read."""
    seconds = {}
    for track in tracks:
        try:
            seconds[str(track.source)] = info(track.source).seconds
        except AudioDecodeError:
            seconds[str(track.source)] = 1.0
    return seconds


def _audio_files(folder: Path, exclude: Path) -> Iterable[Path]:
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = [
            name for name in folders if not name.startswith(".") and (here / name).resolve() != exclude
        ]
        for name in names:
            if not name.startswith(".") and name.lower().endswith(EXTENSIONS):
                yield here / name


@dataclass(frozen=True)
class Layout:
    """Where the results of a track go: ``folder / template``, the template in terms of track, stem and ext.

    Raises
    ------
    ParameterError
        If the template is malformed, leaves the folder, or gives all stems or tracks the same name.
    """

    folder: Path
    template: str
    extension: str

    def __post_init__(self) -> None:
        try:
            fields = {
                field for _, field, _, _ in string.Formatter().parse(self.template) if field is not None
            }
        except ValueError as error:
            raise ParameterError(f"--filename: {self.template!r} is malformed: {error}.") from None
        unknown = sorted(fields - set(_FIELDS))
        if unknown:
            raise ParameterError(
                f"--filename: {{{unknown[0]}}} is unknown; use {{track}}, {{stem}} and {{ext}} only."
            )
        missing = [f"{{{field}}}" for field in ("track", "stem") if field not in fields]
        if missing:
            raise ParameterError(f"--filename: {self.template!r} must contain {' and '.join(missing)}.")
        path = Path(self.template)
        if path.is_absolute() or ".." in path.parts:
            raise ParameterError(
                f"--filename: {self.template!r} must stay inside the output folder; choose that with -o."
            )

    def stem(self, track: str, stem: str) -> Path:
        """Return the file of a stem."""
        return self.folder / self.template.format(track=track, stem=stem, ext=self.extension)

    def record(self, track: str) -> Path:
        """Return the file that says how the stems were made: in the track's folder, or beside flat stems."""
        folder, name = os.path.split(self.template)
        flat = "{track}" in name
        parent = self.folder / folder.format(track=track, stem="", ext=self.extension)
        return parent / (f"{Path(track).name}.phasewise.json" if flat else "phasewise.json")
