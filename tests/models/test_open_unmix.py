"""The network of Open-Unmix's shape."""

from __future__ import annotations

import pytest
import torch

import phasewise as pw
from phasewise.models import OpenUnmix, OpenUnmixConfig

SMALL = {"hidden": 8, "n_fft": 256, "hop_length": 64, "sample_rate": 8000, "bandwidth": 3000.0}


def test_published_size():
    with torch.device("meta"):
        network = OpenUnmix()
    assert network.config.bins_seen == 1487
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(8.9, abs=0.05)


@pytest.mark.parametrize("causal", [False, True])
def test_masks_of_every_stem(causal):
    torch.manual_seed(0)
    network = OpenUnmix(stems=("a", "b"), causal=causal, **SMALL).eval()
    V = torch.rand(3, 2, 129, 9)
    estimate = network(V)
    assert estimate.shape == (3, 2, 2, 129, 9)
    assert (estimate >= 0).all()
    assert (network(torch.zeros_like(V)) == 0).all()
    changed = V.clone()
    changed[..., 6:] += 1
    assert torch.equal(network(changed)[..., :6], estimate[..., :6]) == causal


def test_frequencies_above_the_bandwidth_are_masked_but_not_seen():
    torch.manual_seed(0)
    network = OpenUnmix(**SMALL).eval()
    V = torch.rand(1, 2, 129, 5)
    changed = V.clone()
    changed[:, :, network.config.bins_seen :] *= 2
    a, b = network(V), network(changed)
    assert torch.equal(a[..., : network.config.bins_seen, :], b[..., : network.config.bins_seen, :])
    torch.testing.assert_close(
        b[..., network.config.bins_seen :, :], 2 * a[..., network.config.bins_seen :, :]
    )


def test_arguments_are_checked():
    config = OpenUnmixConfig(stems=("a", "b"))
    assert OpenUnmixConfig(**config.to_dict()) == config
    with pytest.raises(pw.ParameterError, match="hidden must be even"):
        OpenUnmixConfig(hidden=7)
    with pytest.raises(pw.ParameterError, match=r"\(batch, 2, 129, frames\).* got \(1, 1, 129, 4\)"):
        OpenUnmix(**SMALL)(torch.rand(1, 1, 129, 4))
