"""``phasewise invert``."""

import json

import numpy as np
import pytest
import soundfile

import phasewise as pw
from phasewise.cli import main

RATE = 8000


@pytest.fixture
def sound():
    t = np.arange(2 * RATE)
    return 0.3 * np.stack([np.sin(0.2 * t), np.sin(0.3 * t + 1e-5 * t**2)]).astype(np.float32)


def test_audio_comes_back(tmp_path, sound, capsys):
    source = tmp_path / "song.wav"
    soundfile.write(source, sound.T, RATE, subtype="FLOAT")
    table = tmp_path / "table.json"
    assert (
        main(["invert", str(source), "-o", str(tmp_path / "out"), "--n-fft", "512", "--json", str(table)])
        == 0
    )
    made, rate = soundfile.read(tmp_path / "out" / "song.wav", always_2d=True)
    assert rate == RATE
    assert made.shape == sound.T.shape
    V = np.abs(pw.stft(sound, n_fft=512))
    expected = pw.griffinlim(V, init="pghi", rng=0, length=sound.shape[1])
    np.testing.assert_allclose(made.T, expected, atol=1e-6)
    (row,) = json.loads(table.read_text())
    assert row["convergence_db"] < -25
    assert f"spectral convergence {row['convergence_db']:.1f} dB" in capsys.readouterr().out


@pytest.mark.parametrize("algorithm", ["pghi", "spsi", "raar", "bregman"])
def test_magnitudes_become_sound(tmp_path, sound, algorithm):
    V = np.abs(pw.stft(sound[0], n_fft=512, hop_length=64))
    np.save(tmp_path / "made.npy", V)
    options = ["--hop-length", "64", "--algorithm", algorithm, "--sample-rate", "8000", "--n-iter", "5"]
    assert main(["invert", str(tmp_path / "made.npy"), "-o", str(tmp_path), *options]) == 0
    made, rate = soundfile.read(tmp_path / "made.wav")
    assert rate == 8000
    assert made.shape == (64 * (V.shape[1] - 1),)
    assert pw.metrics.spectral_convergence(V, pw.stft(made, n_fft=512, hop_length=64)) < 0.5


def test_zero_phase_and_early_stop(tmp_path, sound):
    np.save(tmp_path / "a.npy", pw.stft(sound, n_fft=512))
    for init in ("zero", "random"):
        options = ["--init", init, "--tol", "0.5", "-o", str(tmp_path), "--json", "-"]
        assert main(["invert", str(tmp_path / "a.npy"), *options]) == 0


def test_mistakes_are_explained(tmp_path, sound, capsys):
    np.save(tmp_path / "flat.npy", np.ones(4))
    np.save(tmp_path / "words.npy", np.array(["a"], dtype=object), allow_pickle=True)
    soundfile.write(tmp_path / "song.wav", sound.T, RATE)
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    out = ["-o", str(tmp_path / "out")]
    cases = [
        ([str(tmp_path / "flat.npy"), *out], 2, "must hold magnitudes of shape"),
        ([str(tmp_path / "words.npy"), *out], 2, "is not a NumPy file of numbers"),
        ([str(tmp_path / "song.wav"), "-o", str(tmp_path)], 2, "would overwrite an input"),
        ([str(tmp_path / "song.wav"), str(tmp_path / "song.npy"), *out], 2, "would both become"),
        ([str(tmp_path / "song.wav"), "--sample-rate", "8000", *out], 2, "--sample-rate is for NumPy files"),
        ([str(tmp_path / "song.wav"), "--algorithm", "magic", *out], 2, "algorithm must be one of"),
        ([str(tmp_path / "broken.wav"), str(tmp_path / "song.wav"), *out], 1, "broken.wav"),
    ]
    for arguments, code, message in cases:
        assert main(["invert", *arguments]) == code, arguments
        assert message in capsys.readouterr().err
    assert (tmp_path / "out" / "song.wav").exists()  # the good file is made though another one is broken
