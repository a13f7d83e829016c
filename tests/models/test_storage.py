"""Networks as files and folders."""

from __future__ import annotations

import json
import sys
import types

import pytest
import torch

import phasewise as pw
from phasewise.models import BSRNN, Demixer, MagBS
from phasewise.models._base import Network
from phasewise.models.storage import find_network, load_network, make_network, save_network

SMALL = {
    "features": 6, "repeats": 1, "scheme": "vocals", "hidden_factor": 1, "n_fft": 256, "hop_length": 64,
    "sample_rate": 8000,
}  # fmt: skip


@pytest.fixture
def network():
    torch.manual_seed(0)
    return MagBS(**SMALL, attention=(1, 4), stems=("a", "b")).eval()


def equal(a, b):
    x = torch.rand(1, 2, 129, 5)
    return a.config == b.config and torch.equal(a(x), b(x))


def test_folders_hold_the_network_and_its_configuration(network, tmp_path):
    path = network.save_pretrained(tmp_path / "a" / "b", metadata={"licence": "CC0-1.0"})
    assert sorted(f.name for f in path.parent.iterdir()) == ["config.json", "model.safetensors"]
    about = json.loads((path.parent / "config.json").read_text())
    assert about["network"] == "MagBS"
    assert about["licence"] == "CC0-1.0"
    assert about["config"]["attention"] == [1, 4]
    for place in (path, path.parent, str(path.parent)):
        again = MagBS.from_pretrained(place)
        assert not again.training
        assert equal(again, network)
    assert equal(Network.from_pretrained(path), network)


def test_equal_networks_make_equal_files(network, tmp_path):
    a, b = (network.save_pretrained(tmp_path / name) for name in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_a_network_of_another_class_is_refused(network, tmp_path):
    network.save_pretrained(tmp_path)
    with pytest.raises(pw.ModelError, match=r"is a MagBS; load it with MagBS\.from_pretrained"):
        BSRNN.from_pretrained(tmp_path)


def test_repositories_come_from_the_hub(network, tmp_path, monkeypatch):
    path = network.save_pretrained(tmp_path / "cache")
    asked = []

    def hf_hub_download(name, file, **options):
        asked.append((name, file, options))
        if name == "somebody/nothing":
            raise OSError("404")
        return str(path)

    monkeypatch.setitem(
        sys.modules, "huggingface_hub", types.SimpleNamespace(hf_hub_download=hf_hub_download)
    )
    assert equal(MagBS.from_pretrained("somebody/network", revision="v1"), network)
    assert asked == [("somebody/network", "model.safetensors", {"revision": "v1"})]
    with pytest.raises(pw.ModelError, match="cannot be had from the Hugging Face hub: 404"):
        MagBS.from_pretrained("somebody/nothing")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(pw.errors.MissingDependencyError, match=r"pip install \"phasewise\[hub\]\""):
        MagBS.from_pretrained("somebody/network")


@pytest.mark.parametrize("name", ["nothing", "nothing.safetensors", "a/b/c"])
def test_what_is_not_there_is_explained(name):
    with pytest.raises(pw.ModelError, match="there is no such network"):
        find_network(name)


@pytest.mark.parametrize("cut", [4, 100, -1])
def test_cut_files_are_refused(network, tmp_path, cut):
    path = network.save_pretrained(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(pw.ModelError, match="is not an intact safetensors file"):
        load_network(path)


def test_other_weights_than_the_configuration_are_refused(network, tmp_path):
    save_network(network, tmp_path / "x.safetensors")
    network.config = MagBS(**SMALL).config
    save_network(network, tmp_path / "y.safetensors")
    with pytest.raises(pw.ModelError, match="is not an intact phasewise network"):
        load_network(tmp_path / "y.safetensors")


def test_files_that_cannot_be_written_or_read(network, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(pw.ModelError, match="cannot be written"):
        network.save_pretrained(tmp_path / "file" / "folder")
    with pytest.raises(pw.ModelError, match="cannot be read"):
        load_network(tmp_path / "none.safetensors")


def test_networks_are_made_by_name():
    demixer = make_network("Demixer", {"magnitude": {"network": "MagBS", "config": SMALL}})
    assert isinstance(demixer, Demixer)
    with pytest.raises(pw.ModelError, match="network must be one of MagBS"):
        make_network("UNet", {})
    with pytest.raises(pw.ModelError, match="MagBS cannot be made of"):
        make_network("MagBS", {"width": 3})
