"""Sounds inside the page: each one encoded once, however many players use it."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise.audio._libraries import soundfile

Codec: TypeAlias = Literal["ogg", "flac"]
_BLOCK = 1 << 15  # libsndfile's Vorbis encoder keeps a whole write on its stack


class SoundStore:
    """Base64 audio by content: ``add`` returns the key under which players find a sound."""

    def __init__(self, codec: Codec) -> None:
        self.codec: Codec = codec
        self.sounds: dict[str, str] = {}

    def add(self, samples: NDArray[Any], sample_rate: int) -> str:
        """Encode a sound of shape (samples,) or (channels, samples) unless it is stored already."""
        frames = np.ascontiguousarray(np.atleast_2d(np.asarray(samples, dtype=np.float32)).T)
        digest = hashlib.sha256(frames.tobytes() + f"{frames.shape} {sample_rate}".encode())
        key = digest.hexdigest()[:12]
        if key not in self.sounds:
            self.sounds[key] = base64.b64encode(encode(frames, sample_rate, self.codec)).decode("ascii")
        return key


def encode(frames: NDArray[np.float32], sample_rate: int, codec: Codec) -> bytes:
    """Encode (samples, channels); what is beyond full scale is clipped."""
    module = soundfile()
    buffer = io.BytesIO()
    channels = frames.shape[1]
    options = (
        {"format": "OGG", "subtype": "VORBIS", "compression_level": 0.4}
        if codec == "ogg"
        else {"format": "FLAC", "subtype": "PCM_16"}
    )
    with module.SoundFile(buffer, "w", samplerate=sample_rate, channels=channels, **options) as file:
        for start in range(0, len(frames), _BLOCK):
            file.write(frames[start : start + _BLOCK])
    return buffer.getvalue()
