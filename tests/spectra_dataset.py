"""A data set that worker processes can import."""

from __future__ import annotations

import torch
from torch.utils.data import Dataset

import phasewise.torch as pwt


class Spectra(Dataset):
    """Spectra and gradients made in worker processes."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        y = torch.full((2, 4096), float(index), requires_grad=True)
        S = pwt.stft(y, 256, window=torch.hann_window(256))
        (gradient,) = torch.autograd.grad(S.abs().pow(2).sum(), y)
        return S.detach().abs(), gradient
