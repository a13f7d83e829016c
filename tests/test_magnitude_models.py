"""Models of every kind behind one interface, and separation with networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import phasewise as pw
from phasewise.magnitude_models import DictionaryModel, NetworkModel, load_model
from phasewise.models import BSRNN, Demixer, MagBS, OpenUnmix
from phasewise.models.storage import save_network
from small_dictionary import make

TRANSFORM = {"n_fft": 256, "hop_length": 64, "sample_rate": 8000}
SMALL = {"features": 6, "repeats": 1, "scheme": "vocals", "hidden_factor": 1, "mask_factor": 1, **TRANSFORM}
STEMS = ("bass", "drums", "other", "vocals")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def mixture(rng):
    return 0.1 * rng.standard_normal((2, 20000)).astype(np.float32)


def networks():
    parts = {"network": "MagBS", "config": {**SMALL, "stems": ["vocals"]}}
    return {
        "MagBS": (MagBS(stems=STEMS, **SMALL), STEMS),
        "BSRNN": (BSRNN(stems=("vocals",), **SMALL), ("vocals", "rest")),
        "OpenUnmix": (
            OpenUnmix(stems=("vocals",), hidden=8, bandwidth=3000.0, **TRANSFORM),
            ("vocals", "rest"),
        ),
        "Demixer": (Demixer(magnitude=parts, rest="music"), ("vocals", "music")),
    }


@pytest.mark.parametrize("kind", ["MagBS", "BSRNN", "OpenUnmix", "Demixer"])
@pytest.mark.parametrize("phase", ["wiener", "RAAR", "auto"])
def test_stems_of_networks_sum_to_the_mixture(mixture, kind, phase):
    network, stems = networks()[kind]
    found = pw.separate(mixture, 8000, model=network, phase=phase, n_iter=2)
    assert tuple(found) == stems
    np.testing.assert_allclose(sum(found.values()), mixture, atol=1e-6)
    assert all(np.isfinite(stem).all() for stem in found.values())


def test_magnitudes_are_those_of_the_network(rng):
    network, _ = networks()["BSRNN"]
    X = (rng.standard_normal((2, 129, 9)) + 1j * rng.standard_normal((2, 129, 9))).astype(np.complex64)
    V = NetworkModel(network, "x").magnitudes(X, 8000)
    with torch.no_grad():
        expected = network(torch.from_numpy(X)[None])[0].abs().numpy()
    np.testing.assert_allclose(V[:, 0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(V[:, 1], np.maximum(np.abs(X) - expected[0], 0), rtol=1e-5, atol=1e-6)
    assert V.shape == (2, 2, 129, 9)
    assert V.dtype == np.float32


def test_chunks_make_no_difference_that_one_could_hear(mixture):
    network, _ = networks()["MagBS"]
    whole = pw.separate(mixture, 8000, model=network, phase="wiener")
    cut = pw.separate(mixture, 8000, model=network, phase="wiener", chunk_seconds=1.0)
    for stem, signal in whole.items():
        error = np.sum((cut[stem] - signal) ** 2) / np.sum(signal**2)
        assert 10 * np.log10(error) < -40


def test_files_are_told_apart(tmp_path, rng, mixture):
    network, stems = networks()["MagBS"]
    save_network(network, tmp_path / "network.safetensors")
    make(rng).save(tmp_path / "dictionary.safetensors")
    model = load_model(tmp_path / "network.safetensors")
    assert isinstance(model, NetworkModel)
    assert (model.name, model.stems) == ("network", stems)
    assert model.digest == NetworkModel(network, "other").digest
    assert isinstance(load_model(str(tmp_path / "dictionary.safetensors")), DictionaryModel)
    assert load_model("default").name == "nmf-music4"
    assert load_model(model) is model
    a, b = (pw.separate(mixture, 8000, model=m, phase="wiener") for m in (model, network))
    assert all(np.array_equal(a[stem], b[stem]) for stem in stems)


def test_arguments_that_do_not_fit_are_explained(tmp_path):
    network, _ = networks()["MagBS"]
    with pytest.raises(pw.ParameterError, match="fit_iterations must be None for a network"):
        pw.Separator(network, fit_iterations=3)
    with pytest.raises(pw.ParameterError, match="device must be one of 'cpu'"):
        pw.Separator("default", device="cuda")
    save_network(network, tmp_path / "network.safetensors")
    content = (tmp_path / "network.safetensors").read_bytes()
    (tmp_path / "network.safetensors").write_bytes(content[:-10])
    with pytest.raises(pw.ModelError, match="is not an intact"):
        pw.Separator(tmp_path / "network.safetensors")
