"""Training runs: they learn, can be stopped and resumed at any time, and leave whole files."""

from __future__ import annotations

import csv

import pytest
import torch

import phasewise as pw
from phasewise.models.storage import load_network
from phasewise.training.config import PRESETS, from_dict, load_config, to_toml

lightning = pytest.importorskip("lightning")
from phasewise.training.loop import train  # noqa: E402

pytestmark = [
    pytest.mark.usefixtures("torch_flags"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]

TRANSFORM = {"n_fft": 256, "hop_length": 64, "sample_rate": 8000}
SMALL = {"features": 6, "repeats": 1, "scheme": "vocals", "hidden_factor": 1, "mask_factor": 1}


def configuration(songs, network="MagBS", **changes):
    model = {
        "MagBS": {**SMALL, "stems": ["bass", "vocals"]},
        "BSRNN": {**SMALL, "stems": ["vocals"]},
        "OpenUnmix": {"stems": ["vocals"], "hidden": 8, "bandwidth": 3000.0},
        "PhaseCRNN": {"channels": 4, "features": 6, "scheme": "vocals"},
        "Demixer": {
            "magnitude": {"network": "MagBS", "config": {**SMALL, **TRANSFORM, "stems": ["bass", "vocals"]}},
            "algorithm": "RAAR",
            "iterations": 2,
            "unfolded": True,
            "rest": "rest",
        },
    }[network]
    values = {
        "network": network,
        "model": model if network == "Demixer" else {**model, **TRANSFORM},
        "data": {"root": str(songs), "seconds": 0.3, "examples": 8, "valid_seconds": 0.5},
        "optimizer": {"batch": 4, "epochs": 3, "learning_rate": 0.02},
    }
    for name, value in changes.items():
        values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    return from_dict(values)


def weights(path):
    return load_network(path).state_dict()


def rows(run):
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("network", ["MagBS", "BSRNN", "OpenUnmix", "PhaseCRNN", "Demixer"])
def test_a_run_leaves_configuration_metrics_and_network(songs_folder, tmp_path, network):
    config = configuration(songs_folder, network)
    best = train(config, tmp_path / "run", cache=tmp_path / "cache")
    assert load_config(tmp_path / "run" / "config.toml") == config
    table = rows(tmp_path / "run")
    assert [int(row["epoch"]) for row in table] == [0, 1, 2]
    assert all(float(row["train_loss"]) > 0 for row in table)
    assert "valid_usdr_vocals" in table[0]
    assert type(load_network(best)).__name__ == network
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == [
        "best.safetensors", "checkpoint.ckpt", "config.toml", "metrics.csv",
    ]  # fmt: skip


def test_training_learns(songs_folder, tmp_path):
    config = configuration(songs_folder, optimizer={"epochs": 8}, augmentation="none")
    train(config, tmp_path / "run", cache=tmp_path / "cache")
    losses = [float(row["train_loss"]) for row in rows(tmp_path / "run")]
    scores = [float(row["valid_usdr"]) for row in rows(tmp_path / "run")]
    assert losses[-1] < 0.6 * losses[0]
    assert scores[-1] > scores[0] + 2


def test_a_run_stopped_again_and_again_ends_with_the_same_weights(songs_folder, tmp_path):
    config = configuration(songs_folder, "OpenUnmix", optimizer={"epochs": 4})  # it has dropout
    whole = train(config, tmp_path / "whole", cache=tmp_path / "cache")

    class Killed(Exception):
        pass

    def life(epochs):
        """Train until the callback has been called so often: the last epoch is not in the checkpoint yet."""
        left = iter(range(epochs - 1, -1, -1))

        def count(row):
            if next(left) == 0:
                raise Killed

        return train(config, tmp_path / "run", cache=tmp_path / "cache", resume=True, on_epoch=count)

    for epochs in (1, 2, 1, 3, 1):
        with pytest.raises(Killed):
            life(epochs)
    again = life(5)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    for a, b in zip(weights(whole).values(), weights(again).values(), strict=True):
        assert torch.equal(a, b)


def test_parts_begin_with_the_weights_of_earlier_runs(songs_folder, tmp_path):
    first = train(configuration(songs_folder), tmp_path / "first", cache=tmp_path / "cache")
    frozen = {"optimizer": {"learning_rate": 0.0, "epochs": 1}, "start": {"magnitude": str(first)}}
    second = train(
        configuration(songs_folder, "Demixer", **frozen), tmp_path / "second", cache=tmp_path / "cache"
    )
    for name, value in weights(first).items():
        assert torch.equal(weights(second)[f"magnitude.{name}"], value)
    other = configuration(songs_folder, "OpenUnmix", start={"all": str(first)})
    with pytest.raises(pw.ParameterError, match=r"start\.all must name a OpenUnmix"):
        train(other, tmp_path / "third", cache=tmp_path / "cache")


def test_a_folder_belongs_to_one_run(songs_folder, tmp_path):
    config = configuration(songs_folder, optimizer={"epochs": 1})
    train(config, tmp_path / "run", cache=tmp_path / "cache")
    with pytest.raises(pw.ParameterError, match="run must be a new folder"):
        train(config, tmp_path / "run", cache=tmp_path / "cache")
    other = configuration(songs_folder, optimizer={"epochs": 2})
    with pytest.raises(pw.ParameterError, match="run must be resumed with its own configuration"):
        train(other, tmp_path / "run", cache=tmp_path / "cache", resume=True)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_complete_and_written_as_toml(tmp_path, preset):
    config = load_config(preset=preset, changes={"optimizer.batch": 4, "data.root": "songs"})
    assert config.optimizer.batch == 4
    (tmp_path / "config.toml").write_text(to_toml(config))
    assert load_config(tmp_path / "config.toml") == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"optimiser": {}}, "the configuration must have no names but .*; got optimiser"),
        ({"data": {"rate": 3}}, "data must have no names but .*; got rate"),
        ({"data": {"channels": 3}}, "channels must be 1 or 2, got 3"),
        ({"optimizer": {"epochs": 0}}, "epochs must be an integer >= 1, got 0"),
        ({"augmentation": "loud"}, "augmentation must be one of"),
    ],
)
def test_configurations_are_checked(values, words):
    with pytest.raises(pw.ParameterError, match=words):
        from_dict(values)


def test_what_does_not_fit_is_explained(songs_folder, tmp_path):
    with pytest.raises(pw.ParameterError, match=r"data\.root must name a folder"):
        train(configuration(songs_folder, data={"root": ""}), tmp_path / "a", cache=tmp_path)
    with pytest.raises(pw.ParameterError, match="batch must divide examples=8"):
        train(configuration(songs_folder, optimizer={"batch": 3}), tmp_path / "b", cache=tmp_path)
    with pytest.raises(pw.ParameterError, match="loss must be 'auto' or 'magnitude' for MagBS, got 'phase'"):
        train(configuration(songs_folder, loss="phase"), tmp_path / "c", cache=tmp_path)
    with pytest.raises(pw.ModelError, match="network must be one of"):
        train(from_dict({"network": "U-Net"}), tmp_path / "d", cache=tmp_path)
