"""``phasewise.json``: how the stems in a folder were made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phasewise import __version__
from phasewise.audio.writing import temporary_name
from phasewise.errors import AudioDecodeError

__all__ = ["is_complete", "sha256_of", "write_record"]


def write_record(path: Path, stems: Mapping[str, Path], details: Mapping[str, Any]) -> None:
    """Write the record of finished stems; it comes last, so where it is, the stems are complete."""
    record = {
        "phasewise": __version__,
        **details,
        "stems": {name: os.path.relpath(file, path.parent) for name, file in stems.items()},
    }
    temporary = temporary_name(path)
    try:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise AudioDecodeError(f"{path}: cannot be written: {error.strerror}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def is_complete(path: Path, stems: Mapping[str, Path]) -> bool:
    """Return whether the record and all these stems are there."""
    return path.is_file() and all(file.is_file() for file in stems.values())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
