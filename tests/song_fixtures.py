"""Small songs with their stems."""

from __future__ import annotations

import numpy as np
import pytest

STEMS = ("bass", "drums", "other", "vocals")
RATE = 8000


@pytest.fixture(scope="session")
def songs_folder(tmp_path_factory):
    """Four songs of two seconds; the second lacks its bass, the third is mono."""
    soundfile = pytest.importorskip("soundfile")
    root = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    for i, name in enumerate(("a", "b", "c", "d")):
        (root / name).mkdir()
        for j, stem in enumerate(STEMS):
            if (name, stem) == ("b", "bass"):
                continue
            tone = 0.2 * np.sin(2 * np.pi * (110 * 2**j + 10 * i) * time)
            noise = 0.02 * rng.standard_normal((len(time), 1 if name == "c" else 2))
            soundfile.write(root / name / f"{stem}.wav", tone[:, None] + noise, RATE, subtype="FLOAT")
    return root
