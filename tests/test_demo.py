"""The demo's experiments, on a few seconds of its song, and what it writes."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

import phasewise
from phasewise.demo import estimated_magnitude_table, known_magnitude_table, load_song, run_demo
from phasewise.demo.experiments import BEFORE, BLIND, CONSISTENT, INFORMED, MIXTURE_ONSETS, TRUE_ONSETS
from phasewise.errors import Cancelled, ParameterError
from phasewise.metrics import si_sdr

FOLDER = Path(phasewise.__file__).parent / "data" / "demo-song"


@pytest.fixture(scope="module")
def song():
    return load_song(2.0)


@pytest.fixture(scope="module")
def known(song):
    return known_magnitude_table(song.stems, song.sample_rate, rng=0, trace=True)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    progress = []
    result = run_demo(tmp_path_factory.mktemp("demo") / "new", duration=1.5, callback=progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    return result


class TestSong:
    def test_stems_are_small_and_credited(self):
        files = list(FOLDER.iterdir())
        assert sum(path.stat().st_size for path in files) < 3e6
        text = (FOLDER / "ATTRIBUTION.txt").read_text("utf-8")
        assert "CC0" in text
        assert "Software-Entwicklungskit" in text
        assert all(path.name in text for path in files if path.suffix == ".flac")

    def test_mixture_is_the_exact_sum_of_the_mixed_down_files(self):
        song = load_song()
        assert song.sample_rate == 44100
        assert song.seconds == pytest.approx(14.0)
        total = sum(
            soundfile.read(FOLDER / f"{name}.flac", dtype="int16")[0].astype(int) for name in song.stems
        )
        assert np.array_equal(song.mixture * 2**16, total.sum(axis=1))

    def test_duration_keeps_the_middle(self, song):
        whole = load_song().stems["bass"]
        start = (len(whole) - 88200) // 2
        assert np.array_equal(song.stems["bass"], whole[start : start + 88200])
        assert all(np.abs(stem).max() > 0.01 for stem in song.stems.values())
        assert load_song(1000.0).seconds == load_song().seconds

    @pytest.mark.parametrize("duration", [0.5, float("nan"), "long"])
    def test_wrong_duration_is_rejected(self, duration):
        with pytest.raises(ParameterError, match="duration must be a"):
            load_song(duration)


class TestKnownMagnitudes:
    def test_orders_of_the_methods(self, known):
        for group in (TRUE_ONSETS, MIXTURE_ONSETS):
            mixture, mixture_50, random, sinusoidal = (e.mean for e in known.estimates if e.group == group)
            assert sinusoidal > random > max(mixture, mixture_50)
        assert sinusoidal < known.find("Sinusoidal start, 50 it.", TRUE_ONSETS).mean
        assert (
            known.find("MISI, 50 it.", CONSISTENT).mean
            > known.find("Sinusoidal start, 50 it.", TRUE_ONSETS).mean
        )
        for reflections in ("RRR, 15 it.", "RAAR, 15 it."):
            assert known.find(reflections, CONSISTENT).mean > known.find("MISI, 15 it.", CONSISTENT).mean

    def test_mixture_phase_row_is_the_magnitude_with_the_phase_of_the_mixture(self, song, known):
        S = phasewise.stft(np.stack(list(song.stems.values())), n_fft=4096, hop_length=1024)
        X = S.sum(axis=0)
        signals = phasewise.istft(np.abs(S) * X / np.abs(X), hop_length=1024, length=len(song.mixture))
        estimate = known.find("Mixture phase", MIXTURE_ONSETS)
        assert np.abs(estimate.signals - signals).max() < 1e-4
        assert estimate.scores == pytest.approx(
            si_sdr(np.stack(list(song.stems.values())), signals), abs=0.01
        )

    def test_costs_never_rise_where_they_must_not(self, known):
        for estimate in known.estimates:
            if estimate.group != CONSISTENT and estimate.cost is not None:
                assert len(estimate.cost) == 50
                assert np.all(np.diff(estimate.cost) <= 1e-6 * estimate.cost[0])
                assert estimate.cost[-1] < known.mixture_energy
        misi = known.find("MISI, 50 it.", CONSISTENT).cost
        assert np.all(np.diff(misi[1:]) <= 1e-6 * misi[0])

    def test_trace_ends_with_the_row_and_passes_through_the_short_run(self, known):
        long, short = known.find("MISI, 50 it.", CONSISTENT), known.find("MISI, 15 it.", CONSISTENT)
        assert list(long.trace) == [1, 2, 5, 10, 15, 20, 30, 40, 50]
        assert long.trace[50] == long.mean
        assert long.trace[15] == pytest.approx(short.mean, abs=0.05)
        assert known.find("RAAR, 15 it.", CONSISTENT).trace[15] == known.find("RAAR, 15 it.", CONSISTENT).mean

    def test_table_shows_the_scores(self, known):
        assert known.table.columns == ["vocals", "drums", "bass", "other", "mean"]
        assert [row.values[-1] for row in known.table.rows] == [e.mean for e in known.estimates]
        assert known.table.rows[3].values[:4] == known.estimates[3].scores.tolist()

    def test_seed_decides_the_random_start_only(self, song, known):
        stems = {name: stem[:44100] for name, stem in song.stems.items()}
        first, again, other = (known_magnitude_table(stems, 44100, rng=seed, n_iter=3) for seed in (1, 1, 2))
        equal = [
            np.array_equal(a.signals, b.signals)
            for a, b in zip(first.estimates, again.estimates, strict=True)
        ]
        assert all(equal)
        changed = [a.label for a, b in zip(first.estimates, other.estimates, strict=True) if a.mean != b.mean]
        assert changed == ["Random start, 3 it."] * 2

    def test_silent_source_is_left_out_of_the_mean(self, song):
        stems = {"a": song.stems["drums"], "b": song.stems["bass"], "silent": np.zeros_like(song.mixture)}
        experiment = known_magnitude_table(stems, 44100, n_iter=2, short_iter=2)
        for estimate in experiment.estimates:
            assert np.isnan(estimate.scores[2])
            assert estimate.mean == pytest.approx(estimate.scores[:2].mean())

    @pytest.mark.parametrize(
        "stems",
        [
            {"a": np.ones(9000)},
            {"a": np.ones(9000), "b": np.ones(9001)},
            {"a": np.ones((2, 9000)), "b": np.ones((2, 9000))},
        ],
    )
    def test_stems_that_do_not_fit_are_rejected(self, stems):
        with pytest.raises(ParameterError, match="stems must be at least two mono signals of one length"):
            known_magnitude_table(stems, 44100)

    def test_callback_cancels(self, song):
        calls = []
        with pytest.raises(Cancelled):
            known_magnitude_table(
                song.stems, 44100, n_iter=1, callback=lambda done: calls.append(done) or done < 0.2
            )
        assert 0.2 <= calls[-1] < 0.4


class TestEstimatedMagnitudes:
    def test_phase_recovery_pays_with_informed_magnitudes(self, song):
        experiment = estimated_magnitude_table(song.stems, 44100, rng=0, blind=False)
        wiener, misi, raar, sinusoidal = (e.mean for e in experiment.estimates if e.group == INFORMED)
        assert raar > misi > sinusoidal > wiener
        assert BLIND not in {e.group for e in experiment.estimates}

    def test_conservative_estimates_sum_to_the_mixture(self, result):
        for estimate in (e for e in result.estimated.estimates if e.group != BEFORE):
            rest = np.abs(result.song.mixture - estimate.signals.sum(axis=0)).max()
            assert (rest < 1e-5) == (not estimate.label.startswith("Sinusoidal"))

    def test_blind_rows_need_the_stems_of_the_dictionary(self, song):
        stems = {"horns": song.stems["other"], "drums": song.stems["drums"]}
        with pytest.raises(ParameterError, match="stems must be those of the dictionary"):
            estimated_magnitude_table(stems, 44100)


class TestRun:
    def test_blind_rows_are_better_than_the_mixture(self, result):
        before = result.estimated.find("The mixture itself", BEFORE)
        for name, score in zip(result.song.stems, before.scores, strict=True):
            assert score == pytest.approx(si_sdr(result.song.stems[name], result.song.mixture), abs=1e-3)
        rows = [e for e in result.estimated.estimates if e.group == BLIND]
        assert [e.label for e in rows] == ["Wiener", "MISI, 15 it.", "RAAR, 15 it."]
        assert all(e.mean > before.mean + 3 for e in rows)

    def test_written_stems_sum_to_the_written_mixture(self, result):
        mixture, rate = soundfile.read(result.folder / "mixture.wav", dtype="int16")
        assert rate == 44100
        assert np.abs(mixture / 2**15 - result.song.mixture).max() <= 2**-16 + 1e-9
        folders = sorted(path for path in result.folder.iterdir() if path.is_dir())
        assert [path.name for path in folders] == ["informed", "known", "nmf-music4", "true"]
        for folder in folders:
            stems = [
                soundfile.read(folder / f"{n}.wav", dtype="int16")[0].astype(int) for n in result.song.stems
            ]
            assert np.array_equal(sum(stems), mixture)
            assert soundfile.info(folder / "bass.wav").subtype == "PCM_16"
        assert [residual.peak for residual in result.null_tests] == [0.0] * 4

    def test_report_shows_what_was_found(self, result):
        page = result.report.read_text("utf-8")
        assert result.report.stat().st_size < 15e6
        for table in (result.known.table, result.estimated.table):
            assert table.title in page
            assert all(
                table.shown(value).replace("-", "−") in page for row in table.rows for value in row.values
            )
        assert page.count("data-player aria-label") == 2
        assert page.count('<svg class="chart"') == 4
        assert page.count("exactly zero") == 4
        assert "training set of the dictionary contained this song" in page
        labels = set(re.findall(r'data-name="(.*?)"', page))
        assert {"Mixture", "True", "Sinusoidal start, 50 it.", "RAAR, 15 it.", "Wiener, blind"} <= labels
