"""Discriminative training of a dictionary: its spectra are moved so that mixtures come apart better.

Spectra learnt per stem describe the stem well, but not what distinguishes it. Here the iterations of the
activations and the Wiener filter are unrolled, and the spectra follow the gradient of the mean
signal-to-distortion ratio of random mixtures. The idea is that of J. Le Roux, J. R. Hershey and F. Weninger,
"Deep NMF for speech separation", ICASSP 2015; here all iterations and the filter have the same spectra.
"""

from __future__ import annotations

import math
import time

import numpy as np
import torch

from training_mixtures import Mixtures

FLOOR = 1e-2  # of the mixture's energy: distortion below it does not count, so silent stems have a score


def activations(W: torch.Tensor, V: torch.Tensor, n_iter: int) -> torch.Tensor:
    """Return H of V (frames, bands) for W (bands, spectra) of column sums 1: KL updates from equal shares."""
    V = V / (V.sum(dim=1, keepdim=True) + 1e-12)
    H = torch.full((len(V), W.shape[1]), 1 / W.shape[1])
    for _ in range(n_iter):
        H = H * ((V / (H @ W.T + 1e-9)) @ W)
    return H


def masks(W: torch.Tensor, H: torch.Tensor, ranks: list[int], widths: torch.Tensor) -> torch.Tensor:
    """Return the Wiener filters of all stems, (stems, frames, bands)."""
    parts = [h @ w.T for h, w in zip(H.split(ranks, dim=1), W.split(ranks, dim=1), strict=True)]
    power = (torch.stack(parts) / widths + 1e-9) ** 2
    return power / power.sum(dim=0)


def distortion(
    W: torch.Tensor, S: np.ndarray, edges: np.ndarray, ranks: list[int], n_iter: int
) -> torch.Tensor:
    """Return distortion-to-signal ratios in dB, (stems, groups), for S (stems, groups, length, bins)."""
    X = S.sum(axis=0)

    def bands(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.add.reduceat(values, edges[:-1], axis=-1))

    # A filter that is constant within bands needs these sums only.
    V, mixture = bands(np.abs(X)), bands(np.abs(X) ** 2)
    cross, energy = bands((S * X.conj()).real), bands(np.abs(S) ** 2)
    H = activations(W, V.flatten(0, 1), n_iter)
    M = masks(W, H, ranks, torch.from_numpy(np.diff(edges).astype(np.float32))).unflatten(1, V.shape[:2])
    error = (energy - 2 * M * cross + M * M * mixture).sum(dim=(2, 3)).clamp_min(0)
    floor = FLOOR * mixture.sum(dim=(1, 2))
    return 10 * torch.log10((error + floor) / (energy.sum(dim=(2, 3)) + floor))


def train(
    W: list[np.ndarray],
    mixtures: Mixtures,
    edges: np.ndarray,
    *,
    steps: int,
    n_iter: int,
    rng: np.random.Generator,
    groups: int = 10,
    length: int = 48,
    learning_rate: float = 0.03,
    report_every: int = 100,
    validate: object = None,
) -> list[np.ndarray]:
    """Return better spectra than W (per stem, (bands, rank)); Adam with one cycle of the learning rate."""
    ranks = [w.shape[1] for w in W]
    joined = np.concatenate(W, axis=1)
    logs = torch.log(torch.from_numpy(joined / joined.sum(axis=0)) + 1e-6).requires_grad_()
    optimizer = torch.optim.Adam([logs], lr=learning_rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    start, scores = time.monotonic(), []
    for step in range(1, steps + 1):
        loss = distortion(
            torch.softmax(logs, dim=0), mixtures.sample(groups, length, rng), edges, ranks, n_iter
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([logs], 1.0)
        optimizer.step()
        schedule.step()
        scores.append(-loss.item())
        if not math.isfinite(scores[-1]):
            raise RuntimeError(f"the loss is not finite at step {step}")
        if step % report_every == 0:
            seconds = time.monotonic() - start
            print(f"step {step}: SDR {np.mean(scores[-report_every:]):.2f} dB, {seconds:.0f} s", flush=True)
            if validate is not None:
                validate(_split(logs, ranks))
    return _split(logs, ranks)


def _split(logs: torch.Tensor, ranks: list[int]) -> list[np.ndarray]:
    return [w.numpy() for w in torch.softmax(logs.detach(), dim=0).split(ranks, dim=1)]
