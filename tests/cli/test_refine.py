"""``phasewise refine``: stems of files, of other rates and lengths, that sum to the mixture."""

import json
import os

import numpy as np
import pytest
import soundfile

from phasewise import audio
from phasewise.cli import main

RATE = 16000


@pytest.fixture
def parts(tmp_path):
    """Write a mixture and two noisy stems, and return a function that does so with other parameters."""

    def write(bits="16", channels=2, seconds=2.0, stem_rate=RATE, longer=0, kind="wav"):
        rng = np.random.default_rng(0)
        t = np.arange(int(seconds * RATE)) / RATE
        tone, noise = np.sin(2 * np.pi * (300 * t + 50 * t**2)), rng.uniform(-1, 1, t.size) * (t % 0.5 < 0.1)
        sources = {"tone": 0.4 * np.stack([tone] * channels), "noise": 0.3 * np.stack([noise] * channels)}
        audio.write(tmp_path / f"mixture.{kind}", sum(sources.values()), RATE, bit_depth=bits)
        files = [tmp_path / f"mixture.{kind}"]
        for name, source in sources.items():
            stem = source + 0.05 * rng.standard_normal(source.shape)
            stem = audio.resample(stem, RATE, stem_rate)
            stem = np.pad(stem, ((0, 0), (0, longer))) if longer > 0 else stem[:, : stem.shape[1] + longer]
            files.append(tmp_path / f"{name}.{kind}")
            audio.write(files[-1], stem, stem_rate, bit_depth="24" if kind == "flac" else "32f")
        return [str(file) for file in files]

    return write


@pytest.fixture
def refine(tmp_path, capsys):
    def run(*arguments):
        return main(["refine", *arguments, "-o", str(tmp_path / "out")]), capsys.readouterr().err

    return run


@pytest.mark.parametrize("bits", ["16", "24", "32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_refined_stems_sum_to_the_mixture(parts, refine, tmp_path, integers, bits, channels):
    files = parts(bits=bits, channels=channels)
    code, err = refine(*files)
    assert code == 0, err
    out = tmp_path / "out" / "mixture"
    assert sorted(os.listdir(out)) == ["noise.wav", "phasewise.json", "tone.wav"]
    total = integers(out / "tone.wav") + integers(out / "noise.wav")
    np.testing.assert_array_equal(total, integers(files[0]))
    record = json.loads((out / "phasewise.json").read_text())
    assert record["sum"] == "exact"
    assert set(record["given_stems"]) == {"tone", "noise"}


def test_many_chunks(parts, refine, tmp_path, integers):
    files = parts(seconds=30, channels=1)
    assert refine(*files, "--max-memory", "253M", "--n-iter", "2")[0] == 0
    out = tmp_path / "out" / "mixture"
    total = integers(out / "tone.wav") + integers(out / "noise.wav")
    np.testing.assert_array_equal(total, integers(files[0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stem_rate": 44100}, "converted from 44100 to 16000 Hz"),
        ({"longer": 700}, "cut by 700 samples"),
        ({"longer": -700}, "continued with silence by 700 samples"),
    ],
)
def test_stems_are_fitted_to_the_mixture(parts, refine, tmp_path, integers, options, message):
    files = parts(**options)
    code, err = refine(*files, "--format", "flac")
    assert code == 0
    assert message in err
    out = tmp_path / "out" / "mixture"
    total = integers(out / "tone.flac") + integers(out / "noise.flac")
    np.testing.assert_array_equal(total, integers(files[0]))
    given = audio.resample(audio.read(files[1])[0], options.get("stem_rate", RATE), RATE, length=2 * RATE)
    refined = soundfile.read(out / "tone.flac")[0].T
    assert np.corrcoef(refined[0], given[0])[0, 1] > 0.95


def test_stem_of_another_length_fails(parts, refine, tmp_path):
    code, err = refine(*parts(longer=-5000))
    assert code == 1
    assert "cut or pad the stem" in err
    assert not (tmp_path / "out").exists()


def test_stem_of_other_channels_fails(parts, refine, tmp_path):
    files = parts(channels=2)
    soundfile.write(files[1], np.zeros(2 * RATE), RATE)
    code, err = refine(*files)
    assert code == 1
    assert "has 1 channel(s)" in err


def test_truncated_stem_leaves_nothing(parts, refine, tmp_path):
    files = parts(kind="flac")
    with open(files[2], "r+b") as file:
        file.truncate(20000)
    code, err = refine(*files)
    assert code == 1
    assert "noise.flac: truncated" in err
    assert not (tmp_path / "out").exists()


def test_inputs_are_not_overwritten(parts, tmp_path, capsys):
    files = parts()
    code = main(["refine", *files, "-o", str(tmp_path), "--filename", "{stem}.{ext}"])
    assert code == 2
    assert "must contain {track}" in capsys.readouterr().err
    (tmp_path / "mixture").mkdir()
    moved = [os.rename(file, tmp_path / "mixture" / os.path.basename(file)) for file in files[1:]]
    assert moved == [None, None]
    stems = [str(tmp_path / "mixture" / os.path.basename(file)) for file in files[1:]]
    assert main(["refine", files[0], *stems, "-o", str(tmp_path)]) == 2
    assert "would overwrite an input" in capsys.readouterr().err


def test_same_names_are_refused(parts, refine):
    files = parts()
    code, err = refine(files[0], files[1], files[1])
    assert code == 2
    assert "both named 'tone'" in err


def test_unknown_algorithm(parts, refine):
    code, err = refine(*parts(), "--algo", "magic")
    assert code == 2
    assert "algo must be one of" in err


def test_skip_existing_and_progress(parts, refine, capsys, tmp_path):
    files = parts()
    assert main(["refine", *files, "-o", str(tmp_path / "out"), "--json-progress"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [events[0]["event"], events[-2]["event"], events[-1]["event"]] == ["start", "done", "finished"]
    assert "skipped" in refine(*files, "--skip-existing", "-v")[1]
