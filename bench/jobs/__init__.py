"""The jobs that are timed: the same work done by phasewise and by its peers, with a check of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["BEST_PEER", "OURS", "Job", "agree", "all_jobs", "keep_pages", "set_threads"]

OURS = "phasewise"
BEST_PEER = "best peer"


@dataclass
class Job:
    """One piece of work.

    Attributes
    ----------
    name : str
    contenders : dict
        Name -> function without arguments that does the work and returns the answer; ``OURS`` is among them.
    check : callable
        ``check(name, answer, ours)`` raises AssertionError if a contender's answer is not the same as ours.
    target : dict
        Name of a peer, or ``BEST_PEER`` -> the ratio (its time over ours) that the project has promised.
    seconds : float
        Length of the audio, for what must keep up with it; 0 for the rest.
    share : float
        Share of that time that the project has promised to need at most.
    """

    name: str
    contenders: dict[str, Callable[[], Any]]
    check: Callable[[str, Any, Any], None]
    target: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    share: float = 0.0


def agree(tolerance: float) -> Callable[[str, Any, Any], None]:
    """Return a check that arrays differ by at most ``tolerance`` times the largest value."""

    def check(name: str, answer: Any, ours: Any) -> None:
        answer, ours = np.asarray(answer).squeeze(), np.asarray(ours).squeeze()
        assert answer.shape == ours.shape, f"{name}: shape {answer.shape} instead of {ours.shape}"
        error = np.abs(answer - ours).max() / np.abs(ours).max()
        assert error <= tolerance, f"{name}: relative error {error:.2g} above {tolerance:g}"

    return check


def set_threads(n: int) -> None:
    """Give every contender ``n`` threads."""
    import phasewise

    phasewise.set_num_threads(n)
    try:
        import torch

        torch.set_num_threads(n)
    except ImportError:
        pass
    try:
        from threadpoolctl import threadpool_limits

        threadpool_limits(n)
    except ImportError:
        pass


def keep_pages() -> None:
    """Tell glibc's malloc to keep freed memory: else large results of peers are fresh pages each time."""
    import ctypes

    malloc_options = {"M_TRIM_THRESHOLD": (-1, 2**31 - 1), "M_MMAP_MAX": (-4, 0)}
    for name, (option, value) in malloc_options.items():
        if ctypes.CDLL(None).mallopt(option, value) != 1:
            raise RuntimeError(f"malloc does not know {name}")


def all_jobs(threads: int) -> Iterator[Callable[[], Job]]:
    """Yield makers of all jobs; a job is made when its turn comes, so that memory stays small."""
    from . import filters, inversion, nmf, online, online_frames, supervised, torch_ops, transforms

    for module in (transforms, inversion, nmf, filters, online, online_frames, supervised, torch_ops):
        for maker in module.JOBS:
            yield lambda maker=maker: maker(threads)  # type: ignore[misc]
