"""Our transform inside of models that call torch's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from phasewise.torch.functional import istft, stft

__all__ = ["use"]


@contextmanager
def use() -> Iterator[None]:
    """Let ``torch.stft``, ``torch.istft`` and the methods of tensors be ours, while the context is open.

    Models that call these functions by these names, as Open-Unmix, Demucs and Asteroid do, run and train on
    our transform without being changed; models that have taken a reference earlier keep torch's.

    Notes
    -----
    The swap concerns the whole process, other threads included. Contexts may be nested.

    Examples
    --------
    >>> import phasewise.torch as pwt
    >>> with pwt.use():
    ...     S = torch.stft(torch.randn(2, 4096), 512, return_complex=True)
    """
    places: tuple[tuple[Any, str, Any], ...] = (
        (torch, "stft", stft),
        (torch, "istft", istft),
        (torch.functional, "stft", stft),
        (torch.Tensor, "stft", stft),
        (torch.Tensor, "istft", istft),
    )
    before = [getattr(owner, name) for owner, name, _ in places]
    try:
        for owner, name, ours in places:
            setattr(owner, name, ours)
        yield
    finally:
        for (owner, name, _), theirs in zip(places, before, strict=True):
            setattr(owner, name, theirs)
