"""Audio files in and out, resampling, and the rounding that keeps the sum of the stems exact.

Arrays are ``(channels, samples)``; full scale is 1.0. Files are read and written in blocks, so a file of any
length needs little memory. Reading and writing need ``soundfile``, resampling needs ``soxr``
(``pip install "phasewise[audio]"``); the rounding needs numpy only.
"""

from phasewise.audio.formats import EXTENSIONS, AudioInfo, Encoding, encoding_for
from phasewise.audio.reading import AudioReader, info, read
from phasewise.audio.resampling import Resampler, resample
from phasewise.audio.rounding import quantize, settle_float_stems, settle_integer_stems
from phasewise.audio.stems import StemWriter
from phasewise.audio.writing import AudioWriter, write

__all__ = [
    "EXTENSIONS",
    "AudioInfo",
    "AudioReader",
    "AudioWriter",
    "Encoding",
    "Resampler",
    "StemWriter",
    "encoding_for",
    "info",
    "quantize",
    "read",
    "resample",
    "settle_float_stems",
    "settle_integer_stems",
    "write",
]
