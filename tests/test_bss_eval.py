"""BSS eval against its definition, by explicit least squares, and against what must hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import phasewise as pw
from phasewise.metrics import bss_eval

RATE, TAPS = 200, 5


def decibels(a, b):
    with np.errstate(divide="ignore"):
        return 10 * np.log10(np.sum(a**2) / np.sum(b**2))


def delayed(signals, taps):
    """All delays of (row, samples), zeros around: (samples + taps - 1, row * taps)."""
    padded = np.pad(signals, ((0, 0), (0, taps - 1)))
    return np.stack([np.roll(row, d) for row in padded for d in range(taps)], axis=1)


def defined(s, e, taps, length, hop, version="images"):
    """Scores (source, window) from the definition."""
    count, channels, samples = s.shape
    scores = []
    for j in range(count):
        target = np.pad(e[j], ((0, 0), (0, taps - 1))).T
        own = np.linalg.lstsq(delayed(s[j], taps), target, rcond=None)[0]
        everything = np.linalg.lstsq(delayed(s.reshape(-1, samples), taps), target, rcond=None)[0]
        for start in range(0, samples - length + 1, hop):
            part = s[..., start : start + length]
            made, true = (np.pad(x[j, :, start : start + length], ((0, 0), (0, taps - 1))).T for x in (e, s))
            filtered = delayed(part[j], taps) @ own
            projected = delayed(part.reshape(count * channels, -1), taps) @ everything
            first = (
                decibels(true, made - true) if version == "images" else decibels(filtered, made - filtered)
            )
            second = decibels(true, filtered - true) if version == "images" else np.nan
            scores.append(
                (
                    first,
                    second,
                    decibels(filtered, projected - filtered),
                    decibels(projected, made - projected),
                )
            )
    return np.array(scores).reshape(count, -1, 4).transpose(2, 0, 1)


def case(rng, sources=2, channels=2, samples=900):
    """Sources, and estimates that are filtered, leak, and have noise."""
    s = rng.standard_normal((sources, channels, samples))
    leaking = np.einsum("jk,kcn->jcn", np.eye(sources) + 0.1 * rng.standard_normal((sources, sources)), s)
    e = np.apply_along_axis(lambda x: np.convolve(x, [0.9, 0.1])[:samples], -1, leaking)
    return s, e + 0.05 * rng.standard_normal(s.shape)


@pytest.mark.parametrize(("sources", "channels"), [(1, 1), (2, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("version", ["images", "sources"])
def test_scores_are_those_of_the_definition(rng, sources, channels, version):
    s, e = case(rng, sources, channels)
    for window, hop in ((1.0, 1.0), (1.5, 0.75), (None, None)):
        ours = bss_eval(s, e, sample_rate=RATE, window=window, hop=hop, filter_length=TAPS, version=version)
        length = 900 if window is None else round(window * RATE)
        theirs = defined(s, e, TAPS, length, 900 if hop is None else round(hop * RATE), version)
        if sources == 1:  # nothing interferes
            assert (ours.sir > 200).all()
            theirs[2] = ours.sir
        np.testing.assert_allclose(ours[:4], theirs, rtol=1e-8, atol=1e-8)
        np.testing.assert_array_equal(ours.permutation, np.arange(sources))


def test_one_channel_may_have_no_axis(rng):
    s, e = case(rng, channels=1)
    np.testing.assert_array_equal(
        bss_eval(s[:, 0], e[:, 0], sample_rate=RATE, filter_length=TAPS).sdr,
        bss_eval(s, e, sample_rate=RATE, filter_length=TAPS).sdr,
    )


def test_sdr_of_images_is_the_chunk_sdr(rng):
    s, e = case(rng)
    ours = bss_eval(s, e, sample_rate=RATE, filter_length=TAPS)
    np.testing.assert_allclose(
        np.median(ours.sdr, axis=1), pw.metrics.csdr(s, e, sample_rate=RATE), atol=1e-4
    )


def test_a_filtered_source_has_only_spatial_distortion(rng):
    s, _ = case(rng)
    e = np.apply_along_axis(lambda x: np.convolve(x, [0.8, 0.3, 0.1])[:900], -1, s)
    e[..., -10:] = s[..., -10:] = 0  # the tails of the filters are within
    scores = bss_eval(s, e, sample_rate=RATE, window=None, filter_length=TAPS)
    assert (scores.isr < 20).all()
    assert (scores.sir > 25).all()
    assert (scores.sar > 25).all()
    forgiving = bss_eval(s, e, sample_rate=RATE, window=None, filter_length=TAPS, version="sources")
    assert (forgiving.sdr > 25).all()


def test_the_order_of_the_estimates_is_found(rng):
    s, e = case(rng, sources=3)
    straight = bss_eval(s, e, sample_rate=RATE, filter_length=TAPS)
    for order in itertools.permutations(range(3)):
        mixed = bss_eval(s, e[list(order)], sample_rate=RATE, filter_length=TAPS, permutation=True)
        np.testing.assert_array_equal(np.array(order)[mixed.permutation], np.arange(3))
        np.testing.assert_allclose(mixed[:4], straight[:4], rtol=1e-9)


def test_windows_with_a_silent_signal_are_left_out(rng):
    s, e = case(rng)
    s[0, :, 200:400] = 0
    e[1, :, 600:800] = 0
    scores = bss_eval(s, e, sample_rate=RATE, filter_length=TAPS, permutation=True)
    expected = np.broadcast_to([False, True, False, True], (2, 4))
    for values in scores[:4]:
        np.testing.assert_array_equal(np.isnan(values), expected)
    np.testing.assert_array_equal(scores.permutation, [0, 1])
    assert np.isnan(bss_eval(0 * s, e, sample_rate=RATE, filter_length=TAPS).sdr).all()


def test_perfect_estimates_have_no_error(rng):
    s, _ = case(rng)
    scores = bss_eval(s, s, sample_rate=RATE, filter_length=TAPS)
    assert (scores.sdr == np.inf).all()
    assert all((values > 100).all() for values in scores[1:4])


def test_arguments_are_checked(rng):
    s, e = case(rng)
    with pytest.raises(pw.ParameterError, match=r"estimate must have the shape \(2, 2, 900\)"):
        bss_eval(s, e[..., 1:])
    with pytest.raises(pw.ParameterError, match="window no longer than the 900 samples, got 44100"):
        bss_eval(s, e)
    with pytest.raises(pw.ParameterError, match="version must be one of"):
        bss_eval(s, e, version="v3")
    with pytest.raises(pw.ParameterError, match="filter_length must be an integer >= 1, got 0"):
        bss_eval(s, e, sample_rate=RATE, filter_length=0)
    with pytest.raises(pw.ParameterError, match="must have shape"):
        bss_eval(s[None], e[None])
