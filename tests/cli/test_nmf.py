"""The sub-command ``phasewise nmf``."""

import json

import numpy as np
import pytest

from phasewise.cli import main
from phasewise.dictionary import Dictionary

RATE = 8000


@pytest.fixture
def songs(tmp_path):
    """Two folders of tracks: a low and a high tone, with things that are no tracks."""
    soundfile = pytest.importorskip("soundfile")
    for name, frequency in {
        "one/low.wav": 300,
        "one/high.flac": 2000,
        "two/low.wav": 500,
        "two/high.WAV": 3000,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, 0.5 * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE), RATE)
    (tmp_path / "one" / "notes.txt").write_text("no audio")
    (tmp_path / "empty").mkdir()
    return tmp_path


def fit(songs, *arguments):
    settings = ["--rank", "2", "--sample-rate", str(RATE), "--n-fft", "256", "--iterations", "10"]
    return main(["nmf", "fit", *arguments, "-o", str(songs / "d.safetensors"), *settings])


def test_fit_and_show(songs, capsys):
    assert (
        fit(songs, f"low={songs}/*/low.*", f"high={songs}/one/high.flac", f"high={songs}/two/high.WAV") == 0
    )
    assert "low (2 spectra), high (2 spectra)" in capsys.readouterr().out
    dictionary = Dictionary.load(songs / "d.safetensors")
    assert dictionary.stems == ("low", "high")
    assert (dictionary.n_fft, dictionary.hop_length, dictionary.sample_rate) == (256, 64, RATE)
    assert dictionary.metadata == {"low": "2 tracks", "high": "2 tracks"}
    peaks = {stem: sorted(W.argmax(axis=0) * RATE / 256) for stem, W in dictionary.W.items()}
    np.testing.assert_allclose(peaks["low"], [300, 500], atol=32)
    np.testing.assert_allclose(peaks["high"], [2000, 3000], atol=100)

    assert main(["nmf", "show", str(songs / "d.safetensors"), "--json", str(songs / "d.json")]) == 0
    text = capsys.readouterr().out
    assert dictionary.digest in text
    table = json.loads((songs / "d.json").read_text())
    assert table["stems"] == {"low": 2, "high": 2}
    assert table["metadata"] == {"low": "2 tracks", "high": "2 tracks"}


def test_folders_are_searched_with_their_sub_folders(songs, capsys):
    assert fit(songs, f"all={songs}") == 0
    assert Dictionary.load(songs / "d.safetensors").metadata == {"all": "4 tracks"}


def test_a_track_given_twice_counts_once(songs):
    assert fit(songs, f"all={songs}", f"all={songs}/one") == 0
    assert Dictionary.load(songs / "d.safetensors").metadata == {"all": "4 tracks"}


def test_the_seed_and_the_precision_are_options(songs):
    files = {}
    precise = ["--dtype", "float32"]
    seed, plain = [*precise, "--seed", "1"], [*precise, "--no-accelerate"]
    for name, options in {"a": [], "b": [], "c": precise, "d": seed, "e": plain}.items():
        assert fit(songs, f"all={songs}", *options) == 0
        files[name] = (songs / "d.safetensors").read_bytes()
    assert files["a"] == files["b"]
    assert len({files["c"], files["d"], files["e"]}) == 3
    assert len(files["c"]) > len(files["a"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x={}/empty"], "has no audio files"),
        (["x={}/nowhere"], "does not exist"),
        (["x={}/one", "--rank", "0"], "rank must be an integer >= 1"),
        (["x={}/one", "--rank", "900"], "at least 900 frames"),
        (["x={}/one", "-o", "{}/no/folder.safetensors"], "does not exist; make it first"),
    ],
)
def test_wrong_arguments_exit_with_2(songs, capsys, arguments, message):
    defaults = ["-o", str(songs / "d.safetensors"), "--sample-rate", str(RATE), "--n-fft", "256"]
    assert main(["nmf", "fit", *defaults, *(word.format(songs) for word in arguments)]) == 2
    assert message in capsys.readouterr().err
    assert not (songs / "d.safetensors").exists()


def test_broken_files_exit_with_1(songs, capsys):
    (songs / "one" / "low.wav").write_bytes(b"no audio")
    assert fit(songs, f"x={songs}/one") == 1
    assert "low.wav: cannot be decoded" in capsys.readouterr().err
    (songs / "d.safetensors").write_bytes(b"no dictionary")
    assert main(["nmf", "show", str(songs / "d.safetensors")]) == 1
    assert "not an intact safetensors file" in capsys.readouterr().err


def test_tracks_need_a_stem(songs, capsys):
    with pytest.raises(SystemExit) as stop:
        fit(songs, str(songs))
    assert stop.value.code == 2
    assert "expected STEM=FOLDER" in capsys.readouterr().err
