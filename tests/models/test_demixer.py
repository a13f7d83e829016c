"""The whole path in one module: it sums to the mixture, is the functions it is made of, and learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import phasewise as pw
from phasewise.models import Demixer
from phasewise.models.storage import load_network, save_network

TRANSFORM = {"n_fft": 256, "hop_length": 64, "sample_rate": 8000}
SMALL = {"features": 6, "repeats": 1, "scheme": "vocals", "hidden_factor": 1, "mask_factor": 1, **TRANSFORM}
MAGNITUDE = {"network": "MagBS", "config": {**SMALL, "stems": ["a", "b", "c"]}}
PHASE = {"network": "PhaseCRNN", "config": {"channels": 4, "features": 6, "scheme": "vocals", **TRANSFORM}}


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def demixer(**config):
    return Demixer(**{"magnitude": MAGNITUDE, "iterations": 2, **config})


CONFIGURATIONS = [
    {"algorithm": None},
    {"algorithm": None, "phase": "wiener"},
    {"algorithm": "MISI"},
    {"algorithm": "Mix+Incons_hardMag", "phase": "sinusoidal"},
    {"algorithm": "RAAR", "phase": "network", "phase_network": PHASE},
    {"algorithm": "MISI", "unfolded": True, "bands": 2},
    {"algorithm": "RAAR", "unfolded": True, "phase": "network", "phase_network": PHASE, "rest": "d"},
]


@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_stems_sum_to_the_mixture_and_every_weight_has_a_gradient(config):
    network = demixer(**config)
    mixture = torch.randn(2, 2, 2000)
    stems = network(mixture)
    assert stems.shape == (2, len(network.stems), 2, 2000)
    torch.testing.assert_close(stems.sum(1), mixture, rtol=1e-4, atol=1e-4)
    (stems * torch.randn_like(stems)).sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None, name
        assert torch.isfinite(p.grad).all(), name


def test_it_is_the_inversion_of_the_networks_magnitudes():
    network = demixer(algorithm="RAAR", iterations=4).double()
    y = torch.randn(2, 3000, dtype=torch.float64)
    with torch.no_grad():
        stems = network(y[None])[0].numpy()
        V = network.magnitude(network.stft(y)[None].abs())[0].numpy()
    X = pw.stft(y.numpy(), n_fft=256, hop_length=64)
    S = pw.spectrogram_inversion(
        X, V.swapaxes(0, 1), "RAAR", n_iter=4, init="mixture", hop_length=64, length=3000
    )
    expected = pw.istft(S, hop_length=64, length=3000).swapaxes(0, 1)
    np.testing.assert_allclose(stems, expected, atol=1e-7)


def test_the_rest_has_the_magnitudes_that_are_left():
    network = demixer(rest="d")
    assert network.stems == ("a", "b", "c", "d")
    X = torch.randn(1, 2, 129, 7, dtype=torch.complex64)
    V = network.magnitudes(X)
    torch.testing.assert_close(V[:, 3], torch.relu(X.abs() - V[:, :3].sum(1)))


@pytest.mark.parametrize("config", [CONFIGURATIONS[2], CONFIGURATIONS[6]])
def test_files_hold_everything(tmp_path, config):
    network = demixer(**config).eval()
    save_network(network, tmp_path / "network.safetensors")
    again = load_network(tmp_path / "network.safetensors")
    assert again.config == network.config
    mixture = torch.randn(1, 2, 2000)
    assert torch.equal(again(mixture), network(mixture))


def test_a_few_steps_fit_one_example():
    network = demixer(algorithm="MISI", unfolded=True)
    time = torch.arange(4000) / 8000
    stems = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (300.0, 900.0, 2500.0)])[None, :, None]
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = (network(stems.sum(1)) - stems).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"phase": "random"}, pw.ParameterError, "phase must be one of"),
        ({"phase": "network"}, pw.ParameterError, "phase_network must be given with phase='network'"),
        ({"algorithm": None, "unfolded": True}, pw.ParameterError, "algorithm must be named"),
        ({"magnitude": {"network": "UNet"}}, pw.ModelError, "network must be one of"),
        (
            {"phase": "network", "phase_network": {"network": "PhaseCRNN"}},
            pw.ParameterError,
            "phase_network must have n_fft=256 and hop_length=64",
        ),
    ],
)
def test_configurations_are_checked(change, error, words):
    with pytest.raises(error, match=words):
        demixer(**change)


def test_inputs_are_checked():
    with pytest.raises(pw.ParameterError, match=r"mixture must have shape \(batch, channels, samples\)"):
        demixer()(torch.randn(2, 2000))
