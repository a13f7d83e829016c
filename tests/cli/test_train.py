"""``phasewise train``."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from phasewise.cli import main

pytest.importorskip("lightning")
pytestmark = [
    pytest.mark.usefixtures("torch_flags"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]

RATE = 8000
SETTINGS = {
    "network": "MagBS",
    "model.stems": '["vocals"]',
    "model.scheme": "vocals",
    "model.features": 6,
    "model.repeats": 1,
    "model.n_fft": 256,
    "model.hop_length": 64,
    "model.sample_rate": RATE,
    "data.seconds": 0.3,
    "data.examples": 8,
    "data.valid_seconds": 0.5,
    "optimizer.batch": 4,
    "optimizer.epochs": 3,
}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    soundfile = pytest.importorskip("soundfile")
    root, rng = tmp_path_factory.mktemp("songs"), np.random.default_rng(0)
    for name in ("a", "b"):
        (root / name).mkdir()
        for stem in ("bass", "drums", "other", "vocals"):
            soundfile.write(root / name / f"{stem}.wav", 0.1 * rng.standard_normal((RATE, 2)), RATE)
    return root


def arguments(songs, run, **changes):
    settings = [f"--set={name}={value}" for name, value in {**SETTINGS, **changes}.items()]
    return ["train", "--data", str(songs), "--run", str(run), "--cache", str(run.parent / "cache"), *settings]


def test_a_run_and_its_table(songs, tmp_path, capsys):
    path = tmp_path / "table.json"
    assert main([*arguments(songs, tmp_path / "run"), "--json", str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in out if line.startswith("epoch")] == ["0", "1", "2"]
    table = json.loads(path.read_text())
    assert [row["epoch"] for row in table["epochs"]] == [0, 1, 2]
    assert table["best"] == str(tmp_path / "run" / "best.safetensors")
    assert "<svg" in (tmp_path / "run" / "curves.svg").read_text()


def test_mistakes_are_usage_errors(songs, tmp_path, capsys):
    assert main(["train", "--run", str(tmp_path / "run")]) == 2
    assert "data.root must name a folder of songs" in capsys.readouterr().err
    assert main(arguments(songs, tmp_path / "run", **{"optimizer.speed": 3})) == 2
    assert "optimizer must have no names but" in capsys.readouterr().err
    assert main(["train", "--set", "seed"]) == 2
    assert "--set must be NAME=VALUE" in capsys.readouterr().err
    assert main(["train", "--preset", "huge"]) == 2
    assert "preset must be one of" in capsys.readouterr().err
    assert main(["train", "--config", str(tmp_path / "none.toml")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_presets_are_listed(capsys):
    assert main(["train", "--list-presets"]) == 0
    out = capsys.readouterr().out
    assert "# musdb-magbs" in out
    assert 'network = "BSRNN"' in out


@pytest.mark.slow
def test_a_run_killed_at_random_ends_with_the_same_weights(songs, tmp_path):
    def life(run, seconds=None):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "phasewise",
                *arguments(songs, run, **{"optimizer.epochs": 40}),
                "--resume",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        if seconds is None:
            assert process.wait() == 0
            return
        while not (run / "checkpoint.ckpt").exists() and process.poll() is None:
            time.sleep(0.05)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()

    life(tmp_path / "whole")
    chance = random.Random(0)
    for _ in range(5):
        life(tmp_path / "run", chance.uniform(0.0, 1.0))
    life(tmp_path / "run")
    whole, again = (tmp_path / name / "best.safetensors" for name in ("whole", "run"))
    assert whole.read_bytes() == again.read_bytes()
    assert (tmp_path / "whole" / "metrics.csv").read_text() == (tmp_path / "run" / "metrics.csv").read_text()


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(songs, tmp_path):
    from phasewise.models.storage import load_network

    def trained(run, *options):
        subprocess.run(
            [sys.executable, "-m", "phasewise", *arguments(songs, run), *options],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
        )
        return load_network(run / "best.safetensors").state_dict()

    one = trained(tmp_path / "one", "--accelerator=cpu")
    two = trained(tmp_path / "two", "--accelerator=cpu", "--devices=2", "--strategy=ddp")
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, rtol=1e-3, atol=1e-5)
