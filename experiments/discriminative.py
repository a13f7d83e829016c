"""Discriminative training of a dictionary: its spectra are moved so that mixtures come apart better.

Spectra learnt per stem describe the stem well, but not what distinguishes it. Here the iterations of the
activations and the Wiener filter are unrolled, and the spectra follow the gradient of the mean
signal-to-distortion ratio of random mixtures. The idea is that of J. Le Roux, J. R. Hershey and F. Weninger,
"Deep NMF for speech separation", ICASSP 2015; here all iterations and the filter have the same spectra.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import torch

from training_mixtures import Batch, Layout, Mixtures

FLOOR = 1e-2  # of the mixture's energy: distortion below it does not count, so silent stems have a score


class Factors:
    """Spectra of all rows, with the column sums 1, and the weights of the groups of neighbours.

    Parameters
    ----------
    W : list of ndarray (rows, rank)
        Of every stem.
    layout : Layout
    n_iter : int
        Of the activations.
    """

    def __init__(self, W: list[np.ndarray], layout: Layout, n_iter: int) -> None:
        joined = np.concatenate(W, axis=1)
        joined = joined / joined.sum(axis=0)
        self.ranks = [w.shape[1] for w in W]
        self.layout = layout
        self.n_iter = n_iter
        self.logs = torch.log(torch.from_numpy(joined.astype(np.float32)) + 1e-6).requires_grad_()
        self.log_weights = torch.zeros(len(layout.neighbours), requires_grad=True)
        self._counts = torch.tensor(layout.bands)
        self._widths = torch.from_numpy(layout.widths)

    @property
    def weights(self) -> torch.Tensor:
        """Of the frame itself, 1, and of its neighbours."""
        return torch.cat([torch.ones(1), torch.exp(self.log_weights)])

    def masks(self, rows: torch.Tensor, power: float = 2.0) -> torch.Tensor:
        """Return the filters of all stems, (stems, frames, bands), after KL updates from equal shares."""
        V = rows * self.weights.repeat_interleave(self._counts)
        V = V / (V.sum(dim=1, keepdim=True) + 1e-12)
        W = torch.softmax(self.logs, dim=0)
        turned = W.T.contiguous()
        H = torch.full((len(V), W.shape[1]), 1 / W.shape[1])
        for _ in range(self.n_iter):
            H = H * ((V / (H @ turned + 1e-9)) @ W)
        own = W[: len(self._widths)] / self._widths[:, None]
        parts = [h @ w.T for h, w in zip(H.split(self.ranks, 1), own.split(self.ranks, 1), strict=True)]
        return torch.softmax(power * torch.log(torch.stack(parts) + 1e-10), dim=0)

    def restarted(self) -> Factors:
        """Return the same factors, in which what has become zero may grow again."""
        result = Factors(self.spectra(), self.layout, self.n_iter)
        with torch.no_grad():
            result.log_weights.copy_(self.log_weights)
        return result

    def spectra(self) -> list[np.ndarray]:
        """Return the spectra per stem, (rows, rank); those of neighbours with their weights."""
        W = torch.softmax(self.logs.detach(), dim=0)
        return [w.numpy() for w in W.split(self.ranks, dim=1)]


def distortion(factors: Factors, batch: Batch) -> torch.Tensor:
    """Return distortion-to-signal ratios in dB, (stems, groups)."""
    cross, power, energy = (torch.from_numpy(a) for a in (batch.cross, batch.power, batch.energy))
    M = factors.masks(torch.from_numpy(batch.rows)).unflatten(1, power.shape[:2])
    error = (energy - 2 * (M * cross).sum(dim=(2, 3)) + (M * M * power).sum(dim=(2, 3))).clamp_min(0)
    floor = FLOOR * power.sum(dim=(1, 2)) + 1e-3  # nothing at all may sound
    return 10 * torch.log10((error + floor) / (energy + floor))


def train(
    factors: Factors,
    mixtures: Mixtures,
    *,
    steps: int,
    rng: np.random.Generator,
    groups: int = 14,
    frames: int = 24,
    learning_rate: float = 0.03,
    report_every: int = 100,
    validate: Callable[[Factors], None] | None = None,
) -> None:
    """Improve factors by Adam with one cycle of the learning rate; weights learn at a third of it."""
    torch.set_flush_denormal(True)
    rates = [learning_rate, learning_rate / 3]
    groups_of = [factors.logs], [factors.log_weights]
    optimizer = torch.optim.Adam(
        [{"params": p, "lr": r} for p, r in zip(groups_of, rates, strict=True)], betas=(0.9, 0.99)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.1)
    start, scores = time.monotonic(), []
    for step in range(1, steps + 1):
        loss = distortion(factors, mixtures.sample(groups, frames, rng)).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([factors.logs, factors.log_weights], 1.0)
        optimizer.step()
        schedule.step()
        scores.append(-loss.item())
        if not math.isfinite(scores[-1]):
            raise RuntimeError(f"the loss is not finite at step {step}")
        if step % report_every == 0 or step == steps:
            seconds = time.monotonic() - start
            print(f"step {step}: SDR {np.mean(scores[-report_every:]):.2f} dB, {seconds:.0f} s", flush=True)
            if validate is not None:
                validate(factors)
