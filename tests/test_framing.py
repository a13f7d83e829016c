"""Samples without window energy are found, however many frames there are and however far apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise._framing import _NEGLIGIBLE, _first_gap, framing


def plain_gap(f, frames, length):
    """Return what `_first_gap` promises, from the sum over all frames."""
    n, hop, lead = f.n_fft, f.hop_length, f.n_fft // 2 if f.center else 0
    energy = np.zeros(n + hop * (frames + 2 * n))
    for t in range(frames + 2 * n):
        energy[t * hop : t * hop + n] += f.window**2
    largest = energy[hop * (n - 1) :][: max(n, hop)].max()
    energy = np.zeros(n + hop * (frames - 1))
    for t in range(frames):
        energy[t * hop : t * hop + n] += f.window**2
    kept = energy[lead : lead + length]
    empty = kept < _NEGLIGIBLE * largest
    if not empty.any():
        return None
    first = int(np.argmax(empty))
    last = first + int(np.argmin(np.r_[empty[first:], False])) - 1
    return first, last, kept[first : last + 1].min()


@given(
    n_fft=st.integers(1, 24),
    hop=st.integers(1, 40),
    frames=st.integers(1, 60),
    spare=st.integers(-30, 30),
    center=st.booleans(),
    window=st.sampled_from(["hann", "boxcar", "holes", "edges"]),
)
@settings(max_examples=300, deadline=None)
def test_first_gap_equals_the_plain_sum(n_fft, hop, frames, spare, center, window):
    values = np.ones(n_fft)
    values[n_fft // 3 : -(-2 * n_fft // 3) - 1] = 0 if window == "holes" else 1
    values[: n_fft // 4] = 0 if window == "edges" else 1
    f = framing(n_fft, hop, window=window if window in ("hann", "boxcar") else values, center=center)
    length = max(1, f.samples(frames) + spare)
    found, expected = _first_gap(f, frames, length), plain_gap(f, frames, length)
    assert (found is None) == (expected is None)
    if expected is not None:
        assert found[:2] == expected[:2]
        assert abs(found[2] - expected[2]) < 1e-12


def test_a_huge_hop_costs_nothing():
    hop = 10**12
    y = np.random.default_rng(0).standard_normal(500)
    S = pw.stft(y, n_fft=64, hop_length=hop)
    assert S.shape == (33, 1)
    back = pw.istft(S, hop_length=hop, length=500, on_zero_overlap="mask")
    near = slice(0, 25)  # the window falls to nothing at its end
    assert np.abs(back[near] - y[near]).max() < 1e-10
    assert not back[32:].any()
    assert _first_gap(framing(64, hop), 3, 2 * hop) == (32, hop - 32, 0.0)
