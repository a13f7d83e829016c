"""Multiplicative-update NMF with other libraries: two packages, and the loops that a careful user writes.

Every function takes V (freq, frames), W and H in float32, updates H, then W, in every iteration, and returns
new factors.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

__all__ = ["PEERS", "numpy_loop", "scikit_learn", "torch_loop", "torchnmf"]

Factors = tuple[np.ndarray, np.ndarray]

_LOSSES = {0.0: "itakura-saito", 1.0: "kullback-leibler", 2.0: "frobenius"}


def scikit_learn(V: np.ndarray, W: np.ndarray, H: np.ndarray, beta: float, iterations: int) -> Factors:
    """`sklearn.decomposition.NMF`, solver "mu", fitted on V.T."""
    model = NMF(W.shape[1], init="custom", solver="mu", beta_loss=_LOSSES[beta], tol=0, max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        activations = model.fit_transform(V.T, W=H.T.copy(), H=W.T.copy())
    return model.components_.T, activations.T


def numpy_loop(V: np.ndarray, W: np.ndarray, H: np.ndarray, beta: float, iterations: int) -> Factors:
    """Numpy, with the products in the cheapest order and the large arrays made once."""
    W, H, model, ratio = W.copy(), H.copy(), np.empty_like(V), np.empty_like(V)
    for _ in range(iterations):
        if beta == 2:
            H *= (W.T @ V) / ((W.T @ W) @ H)
            W *= (V @ H.T) / (W @ (H @ H.T))
            continue
        np.divide(V, np.matmul(W, H, out=model), out=ratio)
        if beta == 1:
            H *= (W.T @ ratio) / W.sum(axis=0)[:, None]
            np.divide(V, np.matmul(W, H, out=model), out=ratio)
            W *= (ratio @ H.T) / H.sum(axis=1)
        else:
            np.divide(ratio, model, out=ratio)
            H *= np.sqrt((W.T @ ratio) / (W.T @ np.reciprocal(model, out=model)))
            np.divide(V, np.matmul(W, H, out=model), out=ratio)
            np.divide(ratio, model, out=ratio)
            W *= np.sqrt((ratio @ H.T) / (np.reciprocal(model, out=model) @ H.T))
    return W, H


def torch_loop(V: np.ndarray, W: np.ndarray, H: np.ndarray, beta: float, iterations: int) -> Factors:
    """The same in torch."""
    v, w, h = torch.from_numpy(V), torch.from_numpy(W.copy()), torch.from_numpy(H.copy())
    model, ratio = torch.empty_like(v), torch.empty_like(v)
    with torch.inference_mode():
        for _ in range(iterations):
            if beta == 2:
                h *= (w.T @ v) / ((w.T @ w) @ h)
                w *= (v @ h.T) / (w @ (h @ h.T))
                continue
            torch.div(v, torch.mm(w, h, out=model), out=ratio)
            if beta == 1:
                h *= (w.T @ ratio) / w.sum(dim=0)[:, None]
                torch.div(v, torch.mm(w, h, out=model), out=ratio)
                w *= (ratio @ h.T) / h.sum(dim=1)
            else:
                ratio /= model
                h *= torch.sqrt((w.T @ ratio) / (w.T @ model.reciprocal_()))
                torch.div(v, torch.mm(w, h, out=model), out=ratio)
                ratio /= model
                w *= torch.sqrt((ratio @ h.T) / (model.reciprocal_() @ h.T))
    return w.numpy(), h.numpy()


def torchnmf(V: np.ndarray, W: np.ndarray, H: np.ndarray, beta: float, iterations: int) -> Factors:
    """`torchnmf.nmf.NMF`; its W is updated first and takes the place of H."""
    from torchnmf.nmf import NMF as TorchNMF

    model = TorchNMF(W=torch.from_numpy(H.T.copy()), H=torch.from_numpy(W.copy()))
    model.fit(torch.from_numpy(V), beta=beta, tol=float("-inf"), max_iter=iterations)
    return model.H.detach().numpy(), model.W.detach().numpy().T


#: By the names of the benchmark's table.
PEERS: dict[str, Any] = {
    "scikit-learn": scikit_learn,
    "numpy loop": numpy_loop,
    "torch loop": torch_loop,
    "torchnmf": torchnmf,
}
