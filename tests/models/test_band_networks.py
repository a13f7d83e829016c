"""The band-split networks: sizes, shapes, causality, streams, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import phasewise as pw
from phasewise.models import BSRNN, BandConfig, MagBS, band_widths
from phasewise.models.bands import SCHEMES, groups_of_equal_width
from phasewise.models.layers import CumulativeNorm, SequenceNorm

SMALL = {
    "features": 8,
    "repeats": 2,
    "n_fft": 512,
    "sample_rate": 11025,
    "scheme": "bass",
    "hidden_factor": 1,
}


def millions(network):
    return sum(p.numel() for p in network.parameters()) / 1e6


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_bands_cover_all_bins():
    assert {name: len(band_widths(name)) for name in SCHEMES} == {
        "vocals": 41, "other": 41, "bass": 30, "drums": 55, "joint": 57,
    }  # fmt: skip
    for name in SCHEMES:
        assert sum(band_widths(name)) == 1025
        assert min(band_widths(name, sample_rate=16000, n_fft=1024)) > 0
    assert band_widths("bass", sample_rate=11025, n_fft=512)[:10] == band_widths("bass")[:10]
    assert groups_of_equal_width((2, 2, 4, 3, 3)) == [(2, 2), (1, 4), (2, 3)]
    with pytest.raises(pw.ParameterError, match=r"n_fft must be large enough for bands of 50 Hz.* got 256"):
        band_widths("bass", n_fft=256)


@pytest.mark.parametrize(
    ("scheme", "small", "large", "optimised", "magnitudes", "attentive"),
    [
        ("vocals", 8.02, 36.4, 40.8, 7.16, 7.33),
        ("bass", 7.11, 32.8, 37.1, 6.25, 6.40),
        ("drums", 9.18, 41.0, 45.5, 8.32, 8.52),
        ("joint", 9.34, 41.7, 46.2, 8.48, 8.69),
    ],
)
def test_published_parameter_counts(scheme, small, large, optimised, magnitudes, attentive):
    size = {"scheme": scheme, "features": 128, "repeats": 12}
    with torch.device("meta"):
        assert millions(BSRNN(scheme=scheme)) == pytest.approx(small, abs=0.005)
        assert millions(BSRNN(**size)) == pytest.approx(large, abs=0.05)
        assert millions(BSRNN(exchange=True, attention=(2, 16), **size)) == pytest.approx(optimised, abs=0.05)
        assert millions(MagBS(scheme=scheme)) == pytest.approx(magnitudes, abs=0.005)
        assert millions(MagBS(scheme=scheme, attention=(1, 8))) == pytest.approx(attentive, abs=0.005)


def test_parameters_of_four_stems_at_once():
    with torch.device("meta"):
        network = BSRNN(
            stems=("a", "b", "c", "d"),
            scheme="joint",
            features=128,
            repeats=12,
            exchange=True,
            attention=(2, 16),
        )
    assert millions(network) == pytest.approx(108.7, abs=0.05)


def inputs(network, frames, channels=2, batch=1):
    shape = (batch, channels, network.config.bins, frames)
    return torch.rand(shape) if isinstance(network, MagBS) else torch.randn(shape, dtype=torch.complex64)


OPTIONS = [
    {},
    {"attention": (2, 4)},
    {"exchange": True},
    {"attention": (1, 4), "exchange": True, "attention_span": 5},
]


@pytest.mark.parametrize("make", [MagBS, BSRNN])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("causal", [False, True])
def test_shapes_and_signs(make, options, causal):
    network = make(stems=("a", "b"), causal=causal, **SMALL, **options)
    x = inputs(network, 6, batch=3)
    y = network(x)
    assert y.shape == (3, 2, 2, 257, 6)
    assert y.dtype == x.dtype
    if make is MagBS:
        assert (y >= 0).all()


@pytest.mark.parametrize("make", [MagBS, BSRNN])
def test_items_and_channels_do_not_see_each_other(make):
    network = make(**SMALL)
    x = inputs(network, 5, batch=2)
    together = network(x)
    for item in range(2):
        for channel in range(2):
            alone = network(x[item : item + 1, channel : channel + 1])
            torch.testing.assert_close(together[item, :, channel], alone[0, :, 0], rtol=1e-4, atol=1e-5)


def test_channels_exchange_whatever_their_order():
    network = MagBS(exchange=True, **SMALL)
    x = inputs(network, 5, channels=3)
    y = network(x)
    torch.testing.assert_close(network(x.flip(1)), y.flip(2), rtol=1e-4, atol=1e-5)
    other = x.clone()
    other[:, 2] = other[:, 2].flip(-1)
    assert not torch.allclose(network(other)[:, :, 0], y[:, :, 0], rtol=1e-4)


@pytest.mark.parametrize("make", [MagBS, BSRNN])
@pytest.mark.parametrize("options", OPTIONS)
def test_causal_networks_do_not_look_ahead(make, options):
    x = inputs(make(**SMALL), 12)
    changed = x.clone()
    changed[..., 8:] += 1.0
    for causal in (True, False):
        network = make(causal=causal, **SMALL, **options)
        a, b = network(x)[..., :8], network(changed)[..., :8]
        assert torch.equal(a, b) == causal


@pytest.mark.parametrize("make", [MagBS, BSRNN])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("blocks", [[1] * 12, [5, 0, 6, 1], [12]])
def test_streams_give_what_the_whole_gives(make, options, blocks):
    network = make(causal=True, **SMALL, **options).double()
    x = inputs(network, 12)
    x = x.to(torch.complex128 if x.is_complex() else torch.float64)
    memory = {}
    parts = [network(block, memory) for block in x.split(blocks, dim=-1)]
    torch.testing.assert_close(torch.cat(parts, dim=-1), network(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [MagBS, BSRNN])
@pytest.mark.parametrize("causal", [False, True])
def test_gradients_are_finite_at_silence(make, causal):
    network = make(causal=causal, attention=(1, 4), exchange=True, **SMALL)
    x = torch.zeros_like(inputs(network, 6)).requires_grad_()
    loss = network(x).abs().sum() if make is MagBS else torch.view_as_real(network(x)).square().sum()
    loss.backward()
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_the_level_of_the_input_is_the_level_of_the_output():
    network = MagBS(**SMALL)
    x = inputs(network, 6)
    torch.testing.assert_close(network(1000 * x), 1000 * network(x), rtol=1e-3, atol=1e-3)


def test_a_few_steps_fit_one_example():
    network = MagBS(**SMALL)
    x = inputs(network, 6, channels=1)
    target = x[:, None] * torch.linspace(0, 1, 257)[:, None]
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss = (network(x) - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_cumulative_norm_is_the_sequence_norm_of_all_frames_so_far():
    x = torch.randn(2, 3, 7, 5, dtype=torch.float64)
    causal, whole = CumulativeNorm((3, 1, 5)), SequenceNorm((3, 1, 5), axis=2)
    for t in range(7):
        expected = whole(x[:, :, : t + 1])[:, :, t]
        np.testing.assert_allclose(causal(x)[:, :, t].detach(), expected.detach(), rtol=1e-9, atol=1e-9)


def test_configurations_are_plain_data():
    config = BandConfig(stems=("a", "b"), attention=(2, 4), causal=True)
    assert BandConfig(**config.to_dict()) == config
    assert BandConfig(**config.to_dict()).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stems": ()}, "stems must be distinct names"),
        ({"stems": ("a", "a")}, "stems must be distinct names"),
        ({"scheme": "guitar"}, "scheme must be one of"),
        ({"features": 0}, "features must be an integer >= 1, got 0"),
        ({"attention": (3, 4)}, "attention must have heads that divide features=64, got 3"),
    ],
)
def test_configurations_are_checked(change, words):
    with pytest.raises(pw.ParameterError, match=words):
        BandConfig(**change)


def test_inputs_are_checked():
    network = MagBS(**SMALL)
    with pytest.raises(pw.ParameterError, match=r"\(batch, channels, 257, frames\).* got \(1, 2, 1025, 4\)"):
        network(torch.rand(1, 2, 1025, 4))
    with pytest.raises(pw.ParameterError, match="memory is for causal networks"):
        network(torch.rand(1, 2, 257, 4), {})
