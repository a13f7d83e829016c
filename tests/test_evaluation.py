"""Scores of separated songs: of stems, of sets, and how sure they are."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import scipy.stats

import phasewise as pw
from phasewise import metrics
from phasewise.evaluation import METRICS, bootstrap_interval, evaluate, score_stem
from phasewise.songs import find_songs

STEMS = ("bass", "drums", "other", "vocals")


def spoilt(songs_folder, folder, level=0.1):
    """Copy the songs with noise added to every stem."""
    soundfile = pytest.importorskip("soundfile")
    shutil.copytree(songs_folder, folder)
    rng = np.random.default_rng(1)
    for path in sorted(folder.rglob("*.wav")):
        signal, rate = soundfile.read(path, always_2d=True)
        soundfile.write(path, signal + level * rng.standard_normal(signal.shape), rate, subtype="FLOAT")
    return folder


def test_scores_are_those_of_the_metrics(songs_folder, tmp_path):
    folder = spoilt(songs_folder, tmp_path / "made")
    seen = []
    result = evaluate(find_songs(songs_folder, STEMS), folder, STEMS, on_track=seen.append)
    assert seen == list(result.tracks) == ["a", "b", "c", "d"]
    assert result.missing == ()
    assert "bass" not in result.tracks["b"]  # the true song has none
    for name, track in result.tracks.items():
        for stem, scores in track.items():
            true = pw.audio.read(songs_folder / name / f"{stem}.wav")[0]
            made = pw.audio.read(folder / name / f"{stem}.wav")[0]
            assert set(scores) == set(METRICS)
            assert scores["usdr"] == metrics.usdr(true, made)
            assert scores["csdr"] == metrics.csdr(true, made, sample_rate=8000)
            assert scores["sdr"] == pytest.approx(np.mean(metrics.sdr(true, made)))
            assert scores["si_sdr"] == pytest.approx(np.mean(metrics.si_sdr(true, made)))
    drums = [result.tracks[t]["drums"]["usdr"] for t in "abcd"]
    np.testing.assert_array_equal(result.scores("usdr", "drums"), drums)
    assert np.isnan(result.scores("usdr", "bass")[1])
    summary = result.summary("usdr")
    assert list(summary) == [*STEMS, "all"]
    assert summary["drums"].value == pytest.approx(np.mean(drums))
    assert summary["bass"].scored == 3
    assert result.summary("csdr", statistic="median")["drums"].value == np.median(
        result.scores("csdr", "drums")
    )


def test_silent_references_are_not_scored(rng):
    scores = score_stem(np.zeros((2, 8000)), rng.standard_normal((2, 8000)), 8000)
    assert all(np.isnan(value) for value in scores.values())


def test_missing_and_unfitting_estimates(songs_folder, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    folder = spoilt(songs_folder, tmp_path / "made")
    (folder / "a" / "drums.wav").unlink()
    shutil.rmtree(folder / "d")
    songs = find_songs(songs_folder, STEMS)
    result = evaluate(songs, folder, ["bass", "drums"])
    assert result.missing == ("a/drums", "d/bass", "d/drums")
    assert list(result.tracks) == ["a", "b", "c"]
    soundfile.write(folder / "a" / "drums.wav", np.zeros((100, 2)), 8000)
    with pytest.raises(
        pw.ParameterError, match=r"drums.wav must have the shape \(2, 16000\).*got \(2, 100\)"
    ):
        evaluate(songs, folder, STEMS)
    with pytest.raises(pw.ParameterError, match="there is none"):
        evaluate(songs, tmp_path, STEMS)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_intervals_agree_with_scipy(rng, statistic):
    scores = rng.standard_normal(40) * 3 + 5
    ours = bootstrap_interval(scores, statistic=statistic, confidence=0.9, resamples=4000)
    function = np.mean if statistic == "mean" else np.median
    theirs = scipy.stats.bootstrap(
        (scores,), function, confidence_level=0.9, n_resamples=4000, method="percentile", rng=1
    ).confidence_interval
    assert ours.value == function(scores)
    width = theirs.high - theirs.low
    np.testing.assert_allclose([ours.low, ours.high], theirs, atol=0.1 * width)


def test_intervals_of_few_scores():
    assert bootstrap_interval([3.0, np.nan]) == (3.0, 3.0, 3.0, 1)
    assert bootstrap_interval([np.nan]).scored == 0
    assert np.isnan(bootstrap_interval([]).value)
    assert bootstrap_interval([1.0, 2.0, 4.0]) == bootstrap_interval([1.0, 2.0, 4.0])
    with pytest.raises(pw.ParameterError, match="statistic must be one of"):
        bootstrap_interval([1.0], statistic="mode")
