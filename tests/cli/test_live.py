"""``phasewise live``: raw samples in, stems out, as the whole file would be separated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

import phasewise as pw
from phasewise.cli import main
from phasewise.dictionary import Dictionary

RATE = 8000
STEMS = ("low", "mid", "high")
LATENCY = 255


@pytest.fixture
def pcm(tmp_path):
    """Return a function that writes raw samples and returns their path and values (channels, samples)."""

    def write(n=6000, channels=2, kind="s16le", seed=0):
        y = np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, n)).astype(np.float32)
        data = np.rint(y * 2**15).astype("<i2") if kind == "s16le" else y.astype("<f4")
        path = tmp_path / f"song.{kind}"
        path.write_bytes(data.T.tobytes())
        return path, data

    return write


def live(*arguments, **options):
    command = [sys.executable, "-m", "phasewise", "live", *map(str, arguments), "--rate", str(RATE)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


def stems_of(stdout, kind="<i2", channels=2, stems=3):
    frames = np.frombuffer(stdout, kind)
    return frames.reshape(-1, stems, channels).transpose(1, 2, 0)


def test_standard_input_to_standard_output(model, pcm, tmp_path):
    path, given = pcm()
    table = tmp_path / "live.json"
    result = live("-m", model, "--block", 500, "--json", table, input=path.read_bytes())
    assert result.returncode == 0
    text = result.stderr.decode()
    assert f"latency: {LATENCY} samples, 31.9 ms" in text
    assert "low, mid, high" in text
    assert "of real time; blocks of 62.5 ms took" in text
    stems = stems_of(result.stdout)
    assert stems.shape == (3, 2, 6000 + LATENCY)
    assert not stems[..., :LATENCY].any()
    np.testing.assert_array_equal(stems.sum(axis=0, dtype=int)[:, LATENCY:], given)
    offline = pw.separate(given, RATE, model=model, phase="wiener")
    for j, name in enumerate(STEMS):
        assert np.abs(stems[j, :, LATENCY:].astype(int) - offline[name]).max() <= 1
    values = json.loads(table.read_text())
    assert values["stems"] == list(STEMS)
    assert values["latency_samples"] == LATENCY
    assert values["seconds"] == pytest.approx(0.75)
    assert 0 < values["median_block_ms"] <= values["worst_block_ms"]
    assert values["late_blocks"] is None


def test_floats_of_one_channel_and_any_block(model, pcm):
    path, given = pcm(channels=1, kind="f32le")
    runs = [
        live(path, "-m", model, "--format", "f32le", "--channels", 1, "--block", size, "--trim", "-q")
        for size in (1, 333, 100000)
    ]
    assert all(run.returncode == 0 and run.stderr == b"" for run in runs)
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout
    stems = stems_of(runs[0].stdout, "<f4", 1)
    assert stems.shape == (3, 1, 6000)
    assert np.abs(stems.sum(axis=0, dtype=np.float64) - given).max() < 1e-7
    offline = pw.separate(given, RATE, model=model, phase="wiener")
    for j, name in enumerate(STEMS):
        assert np.abs(stems[j] - offline[name]).max() < 2e-5


def test_files_start_with_the_first_sample(model, pcm, tmp_path):
    path, given = pcm()
    out = tmp_path / "stems"
    assert main(["live", str(path), "-m", model, "--rate", str(RATE), "-o", str(out), "-q"]) == 0
    written = {name: soundfile.read(out / f"{name}.wav", dtype="int16")[0].T for name in STEMS}
    np.testing.assert_array_equal(sum(stem.astype(int) for stem in written.values()), given)
    assert sorted(p.name for p in out.iterdir()) == ["high.wav", "low.wav", "mid.wav"]
    one = live(path, "-m", model, "--stem", "mid", "--trim")
    np.testing.assert_array_equal(np.frombuffer(one.stdout, "<i2").reshape(-1, 2).T, written["mid"])


def test_real_time_takes_as_long_as_the_audio(model, pcm, tmp_path):
    path, _ = pcm(n=8000)
    table = tmp_path / "live.json"
    arguments = ["live", str(path), "-m", model, "--rate", str(RATE), "--realtime", "--block", "800"]
    began = time.monotonic()
    assert main([*arguments, "-o", str(tmp_path / "stems"), "--json", str(table)]) == 0
    assert time.monotonic() - began >= 1.0
    assert json.loads(table.read_text())["late_blocks"] is not None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_stream_leaves_whole_files(model, pcm, tmp_path, number):
    _, given = pcm()
    out = tmp_path / "stems"
    command = [sys.executable, "-m", "phasewise", "live", "-m", model, "--rate", str(RATE), "-o", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(given.T.tobytes())
        process.stdin.flush()
        while b"latency" not in process.stderr.readline():
            pass
        time.sleep(0.5)  # it waits for more samples
        process.send_signal(number)
        process.stderr.read()
        assert process.wait(timeout=30) == 130
    written = [soundfile.read(out / f"{name}.wav", dtype="int16")[0].T for name in STEMS]
    np.testing.assert_array_equal(sum(stem.astype(int) for stem in written), given)
    assert len(list(out.iterdir())) == 3


def test_a_reader_that_leaves(model, pcm):
    path, _ = pcm(n=80000)
    command = [sys.executable, "-m", "phasewise", "live", str(path), "-m", model, "--rate", str(RATE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1000)
        process.stdout.close()
        text = process.stderr.read().decode()
        assert process.wait(timeout=30) == 1
    assert "the reader of standard output is gone" in text
    assert "Traceback" not in text


def test_half_a_sample_at_the_end(model, pcm, tmp_path):
    path, _ = pcm(n=700)
    path.write_bytes(path.read_bytes() + b"xyz")
    result = live(path, "-m", model)
    assert result.returncode == 0
    assert "3 bytes at the end make no whole sample" in result.stderr.decode()
    assert stems_of(result.stdout).shape[-1] == 700 + LATENCY


@pytest.mark.parametrize(
    ("content", "arguments", "code", "message"),
    [
        (b"", [], 1, "holds no samples"),
        (b"RIFF1234WAVE" * 9, [], 2, "must be raw samples, but it starts like a RIFF file"),
        (
            np.full(100, np.nan, "<f4").tobytes(),
            ["--format", "f32le"],
            1,
            "holds samples that are no numbers",
        ),
        (b"1234" * 9, ["--stem", "kazoo"], 2, "--stem must be one of 'low', 'mid', 'high'"),
        (b"1234" * 9, ["--phase", "magic"], 2, "phase must be one of 'wiener'"),
        (b"1234" * 9, ["--json", "-"], 2, "both want standard output"),
        (b"1234" * 9, ["--rate", "16000"], 2, "--rate must be the model's 8000 Hz, got 16000"),
        (b"1234" * 9, ["--block", "0"], 2, "expected a positive number"),
    ],
)
def test_mistakes_are_explained(model, tmp_path, content, arguments, code, message):
    path, out = tmp_path / "given.pcm", tmp_path / "out"
    path.write_bytes(content)
    command = [sys.executable, "-m", "phasewise", "live", str(path), "-m", model, "--rate", str(RATE)]
    where = [] if "--json" in arguments else ["-o", str(out)]
    result = subprocess.run([*command, *where, *arguments], capture_output=True, check=False, timeout=60)
    assert result.returncode == code, result.stderr
    assert message in result.stderr.decode()
    assert not out.exists() or not list(out.iterdir())


def test_a_file_that_is_not_there(model, tmp_path, capsys):
    assert main(["live", str(tmp_path / "no.pcm"), "-m", model, "--rate", str(RATE)]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err


def test_the_latency_of_the_dictionary_of_the_package():
    assert Dictionary.load("nmf-music4").reach == 8 * 1024  # what the manual says: 12287 samples in all
