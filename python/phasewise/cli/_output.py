"""What the commands that write stems have in common: memory, and what is said about the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phasewise.audio import AudioInfo, Encoding
from phasewise.cli._record import sha256_of
from phasewise.errors import ParameterError

__all__ = ["Written", "chunk_seconds"]

_LONGEST_CHUNK = 20.0
_SHORTEST_CHUNK = 2.0
# The interpreter with its libraries, the model, and the large blocks that the core keeps for the next chunk.
_BASE_MEMORY = 240 * 2**20


def chunk_seconds(budget: int, jobs: int, bytes_per_second: int) -> float:
    """Return the chunk that ``jobs`` jobs can afford within ``budget`` bytes, at most 20 s.

    Raises
    ------
    ParameterError
        If not even two seconds fit.
    """
    seconds = (budget - _BASE_MEMORY) / jobs / bytes_per_second
    if seconds < _SHORTEST_CHUNK:
        need = -(-(_BASE_MEMORY + int(_SHORTEST_CHUNK * bytes_per_second) * jobs) // 2**20)
        raise ParameterError(
            f"--max-memory must be at least {need}M for this audio"
            + (f" and {jobs} jobs; raise it, or lower -j." if jobs > 1 else "; raise it.")
        )
    return min(seconds, _LONGEST_CHUNK)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    source : AudioInfo
        Of the mixture.
    encoding : Encoding
        Of the stems.
    clipped : int
        Samples that were beyond the range of the encoding.
    """

    source: AudioInfo
    encoding: Encoding
    clipped: int

    def notes(self) -> list[str]:
        """Return what a user must know about the sum and the level of the stems."""
        notes = []
        if self.encoding.lossy:
            name = self.encoding.extension
            notes.append(f"{name} is lossy, so the stems do not sum to the mixture exactly; wav and flac do.")
        if self.clipped:
            notes.append(
                f"{self.clipped} samples were beyond full scale and were limited; --bit-depth 32f keeps them."
            )
        return notes

    def details(self) -> dict[str, Any]:
        """Return what ``phasewise.json`` says about the files."""
        source, encoding = self.source, self.encoding
        return {
            "input": {
                "file": str(source.path),
                "sha256": sha256_of(source.path),
                "format": source.format,
                "subtype": source.subtype,
            },
            "sample_rate": source.sample_rate,
            "channels": source.channels,
            "samples": source.frames,
            "format": encoding.extension,
            "bit_depth": encoding.bit_depth,
            "sum": "lossy" if encoding.lossy else "float32" if encoding.bits is None else "exact",
            "gain": 1.0,
            "clipped_samples": self.clipped,
        }
