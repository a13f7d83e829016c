"""A small dictionary of two stems for tests."""

from phasewise._bands import band_edges
from phasewise.dictionary import Dictionary

N_FFT = 256
RATE = 8000
EDGES = band_edges(N_FFT, RATE)


def make(rng, *, edges=EDGES, beta=1.0, ranks=(3, 2), **kwargs):
    rows = N_FFT // 2 + 1 if edges is None else len(edges) - 1
    W = {stem: rng.random((rows, k)) ** 4 for stem, k in zip(("low", "high"), ranks, strict=True)}
    return Dictionary(("low", "high"), W, RATE, N_FFT, 64, beta=beta, edges=edges, **kwargs)
