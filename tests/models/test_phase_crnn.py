"""The phase network: it starts as the sinusoidal model, is causal, streams, and knows no absolute phase."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import phasewise as pw
from phasewise.models import PhaseConfig, PhaseCRNN
from phasewise.models.peaks import peak_turns
from phasewise.reference import sinusoidal as twin

SMALL = {
    "channels": 4,
    "features": 6,
    "n_fft": 256,
    "hop_length": 64,
    "sample_rate": 8000,
    "scheme": "vocals",
}
STEMS, CHANNELS, FRAMES = 3, 2, 10


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def case(batch=1, frames=FRAMES, dtype=torch.float64):
    """Magnitudes of noise with some tones, and a mixture."""
    V = torch.rand(batch, STEMS, CHANNELS, 129, frames, dtype=dtype) ** 4
    V[..., [17, 40, 90], :] += 3
    X = torch.polar(V, 2 * math.pi * torch.rand_like(V)).sum(1)
    return X, V


def trained(**changes):
    """A network with weights that are anything but 0."""
    network = PhaseCRNN(**{**SMALL, **changes}).double()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return network


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_turns_are_those_of_the_sinusoidal_model(dtype):
    V = (torch.rand(2, 129, 6, dtype=dtype) ** 3).round(decimals=2)  # plateaus and zeros
    V[0, :, 2] = 0
    V[1, :, 3] = torch.linspace(1, 0, 129)
    expected = np.stack([[twin.frequencies(frame) for frame in item.T] for item in V.numpy()])
    expected = np.exp(2j * np.pi * 64 * np.swapaxes(expected, -1, -2) / 256)
    np.testing.assert_allclose(
        peak_turns(V, n_fft=256, hop_length=64), expected, atol=1e-5 if dtype == torch.float32 else 1e-12
    )


def test_an_untrained_network_is_the_sinusoidal_model():
    X, V = case()
    phasors, concentration = PhaseCRNN(**SMALL).double()(X, V)
    assert concentration is None
    phase = pw.sinusoidal_phase(V.numpy(), hop_length=64, onset_phase=np.broadcast_to(X[:, None], V.shape))
    np.testing.assert_allclose(phasors.detach(), np.exp(1j * phase), atol=1e-9)


def test_phasors_have_modulus_one():
    X, V = case()
    phasors, concentration = trained(concentration=True)(X, V)
    np.testing.assert_allclose(phasors.detach().abs(), 1, rtol=1e-9)
    assert (concentration >= 0).all()
    assert concentration.shape == phasors.shape == V.shape


def test_later_frames_do_not_matter():
    network = trained()
    X, V = case()
    changed_X, changed_V = X.clone(), V.clone()
    changed_X[..., 7:] *= 1j
    changed_V[..., 7:] += 1
    a, b = network(X, V).phasors, network(changed_X, changed_V).phasors
    assert torch.equal(a[..., :7], b[..., :7])
    assert not torch.allclose(a[..., 7:], b[..., 7:], atol=1e-2)


@pytest.mark.parametrize("blocks", [[1] * FRAMES, [4, 0, 5, 1]])
def test_streams_give_what_the_whole_gives(blocks):
    network = trained(concentration=True)
    X, V = case()
    memory = {}
    parts = [network(x, v, memory) for x, v in zip(X.split(blocks, -1), V.split(blocks, -1), strict=True)]
    whole = network(X, V)
    for name in ("phasors", "concentration"):
        streamed = torch.cat([getattr(part, name) for part in parts], dim=-1)
        torch.testing.assert_close(streamed, getattr(whole, name), rtol=1e-9, atol=1e-9)


def test_a_phase_added_to_the_mixture_is_added_to_the_result():
    network = trained()
    X, V = case()
    turn = complex(math.cos(1.0), math.sin(1.0))
    torch.testing.assert_close(
        network(X * turn, V).phasors, network(X, V).phasors * turn, rtol=1e-9, atol=1e-9
    )


def test_the_level_does_not_matter():
    network = trained()
    X, V = case()
    torch.testing.assert_close(network(1e3 * X, 1e3 * V).phasors, network(X, V).phasors, rtol=1e-6, atol=1e-6)


def test_stems_channels_and_items_do_not_see_each_other():
    network = trained()
    X, V = case(batch=2)
    whole = network(X, V).phasors
    alone = network(X[1:, 1:], V[1:, 2:, 1:]).phasors
    torch.testing.assert_close(alone[0, 0, 0], whole[1, 2, 1], rtol=1e-9, atol=1e-9)


def test_silence_gives_finite_values_and_gradients():
    network = trained()
    X, V = case()
    X[..., :2], V[..., :2], X[:, :, 50:70], V[:, 1] = 0, 0, 0, 0
    V.requires_grad_()
    X.requires_grad_()
    phasors = network(X, V).phasors
    assert torch.isfinite(torch.view_as_real(phasors)).all()
    (V * phasors).sum().abs().backward()
    assert torch.isfinite(V.grad).all()
    assert torch.isfinite(torch.view_as_real(X.grad)).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_training_lowers_the_error_of_the_phases():
    X, V = case(dtype=torch.float32)
    truth = torch.polar(torch.ones_like(V), X.angle()[:, None].expand_as(V))  # follow the mixture
    network = PhaseCRNN(**SMALL)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = (V.square() * (1 - (truth.conj() * network(X, V).phasors).real)).sum() / V.square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_configurations_and_inputs_are_checked():
    config = PhaseConfig(concentration=True)
    assert PhaseConfig(**config.to_dict()) == config
    with pytest.raises(pw.ParameterError, match="channels must be an integer >= 1, got 0"):
        PhaseConfig(channels=0)
    X, V = case()
    with pytest.raises(pw.ParameterError, match=r"\(batch, stem, channels, 129, frames\); got"):
        PhaseCRNN(**SMALL)(X, V[:, 0])
