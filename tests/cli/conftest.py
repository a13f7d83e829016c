"""A model and audio files that are small enough for every test."""

import numpy as np
import pytest
import soundfile

from phasewise.dictionary import Dictionary

RATE = 8000


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """The file of a dictionary of three stems at 8 kHz."""
    rng = np.random.default_rng(0)
    spectra = {stem: rng.random((129, 3)) ** 6 + 1e-4 for stem in ("low", "mid", "high")}
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    Dictionary(tuple(spectra), spectra, RATE, 256, 64).save(path)
    return str(path)


@pytest.fixture
def song(tmp_path):
    """Return a function that writes a song and returns its path and its integer samples."""

    def write(name="song.wav", seconds=1.0, channels=2, rate=RATE, subtype="PCM_16", peak=0.5, seed=0):
        rng = np.random.default_rng(seed)
        samples = peak * rng.uniform(-1, 1, (int(seconds * rate), channels))
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def integers():
    """Return a function that reads a file's samples as integers of 32 bits (channels last)."""
    return lambda path: soundfile.read(path, dtype="int32", always_2d=True)[0].astype(np.int64)
