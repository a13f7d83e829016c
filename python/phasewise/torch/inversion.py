"""Several sources from their magnitudes and their mixture, on tensors and with gradients.

The algorithms are those of `phasewise.spectrogram_inversion`; every number that they have may be a tensor
that is learnt, one per iteration or one per iteration and bin.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phasewise._validate import choice, integer, number
from phasewise.errors import ParameterError
from phasewise.phase.registry import ALGORITHMS, mixture_algorithm
from phasewise.torch import _bins
from phasewise.torch._arguments import magnitude_tensor, real_type, same_device, spectrum_tensor
from phasewise.torch._ops import inversion as ops
from phasewise.torch._ops import projections
from phasewise.torch.functional import consistent_frames, magnitude_projection, mixing_projection

__all__ = ["misi", "mixing_iterations", "sinusoidal_phasors", "spectrogram_inversion"]

#: Exponents of the magnitudes in the named mixing weights.
EXPONENTS = {"equal": 0.0, "magnitude": 1.0, "wiener": 2.0}

_UPDATES = {
    "MISI": "misi",
    "Mix+Incons": "mix_incons",
    "Mix+Incons_hardMag": "mix_incons_hard_mag",
    "Incons_hardMix": "mix",
    "Mag+Incons_hardMix": "mag_incons_hard_mix",
    "RRR": "rrr",
    "RAAR": "raar",
}


def spectrogram_inversion(
    mixture: Tensor,
    magnitudes: Tensor,
    algo: str = "MISI",
    *,
    n_iter: int = 5,
    consistency_weight: float | Tensor = 1.0,
    init: str | Tensor = "mixture",
    mixing_weights: str | float | Tensor | None = None,
    relaxation: float | Tensor | None = None,
    magnitude_step: float | Tensor = 1.0,
    epsilon: float = 1e-3,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    length: int | None = None,
) -> Tensor:
    r"""Estimate the spectrograms of sources from their magnitudes and the spectrogram of their mixture.

    Parameters
    ----------
    mixture : tensor of shape (..., freq, frames), complex
        Spectrogram of the mixture, made with zero padding (``pad_mode="constant"``).
    magnitudes : tensor of shape (..., source, freq, frames), real, nonnegative
        Magnitudes of the sources.
    algo : str
        "AM", "MISI", "Mix+Incons", "Mix+Incons_hardMag", "Incons_hardMix", "Mag_hardMix",
        "Mag(KL)_hardMix", "Mag+Incons_hardMix", "RRR" or "RAAR"; see `phasewise.spectrogram_inversion`.
    n_iter : int >= 0
        Iterations.
    consistency_weight : float or tensor
        Weight of the inconsistency in the three "+Incons" algorithms.
    init : {"mixture", "wiener", "sinusoidal"} or tensor of shape of `magnitudes`
        Start: `magnitudes` with the phase of the mixture, the Wiener estimate, the estimate of
        `phasewise.pu_iter` (its phases have no gradient, and are computed on the host), complex values, or
        phases in radians, of a network for instance.
    mixing_weights : str, float or tensor, optional
        Shares of the mixing error: "equal", "magnitude", "wiener", or an exponent p of the magnitudes,
        which may be a tensor; a tensor of three axes or more is taken for the weights themselves and
        broadcasts to `magnitudes`. By default the algorithm's own.
    relaxation : float or tensor, optional
        Relaxation b. RRR and RAAR have it by nature; for the others b = 1 is the algorithm, and S + b (T - S)
        takes the place of its step T, where S is the state (MISI: the consistent point).
    magnitude_step : float or tensor
        Share of the way to the magnitudes that is gone; 1 is the projection.
    epsilon : float > 0
        Bound of the gradient of phases and shares, see `phasewise.torch.magnitude_projection`.
    n_fft, hop_length, win_length, window, center, length
        Parameters of the transform, see `phasewise.torch.project_consistent`.

    Returns
    -------
    tensor of shape (..., source, freq, frames), complex

    Raises
    ------
    ParameterError
        If shapes, types, devices or names do not fit.

    Notes
    -----
    Numbers given as tensors have shape (), (n_iter,) or (n_iter, freq) and get gradients.

    All iterations are one operator. It keeps a few states and computes those in between again on the way
    back: of K iterations of MISI about sqrt(2 K) signals per source, of the other algorithms twice sqrt(K)
    spectrograms. It has no second derivatives.
    """
    entry = mixture_algorithm(algo)
    if entry.name == "auto":
        known = ", ".join(repr(name) for name in ALGORITHMS if name != "auto")
        raise ParameterError(
            f"algo must be one of {known}; 'auto' is for arrays, phasewise.spectrogram_inversion."
        )
    X = spectrum_tensor("mixture", mixture)
    V = magnitude_tensor("magnitudes", magnitudes, 3).to(real_type(X.dtype))
    same_device("mixture", X, "magnitudes", V)
    if X.shape != V.shape[:-3] + V.shape[-2:]:
        raise ParameterError(
            f"magnitudes must have the shape of the mixture, {tuple(X.shape)}, and a source axis at -3, got "
            f"{tuple(V.shape)}."
        )
    n_fft, hop, values, length = consistent_frames(X, n_fft, hop_length, win_length, window, center, length)
    epsilon = number("epsilon", epsilon, minimum=1e-12)
    chosen = entry.weights if mixing_weights is None else mixing_weights
    shares = _given_shares(chosen, V)
    iterations = integer("n_iter", n_iter, minimum=0) if entry.iterative else 1
    if entry.calls == "0" or (iterations == 0 and entry.update != "reflection"):
        if entry.name == "Mag(KL)_hardMix":
            return _shares("magnitude", V, epsilon) * X.unsqueeze(-3)
        S = _start(init, X, V, n_fft, hop)
        if entry.name != "Mag_hardMix":
            return S
        return mixing_projection(S, X, _shares(chosen, V, epsilon) if shares is None else shares)
    relaxation = (1.0 if entry.relaxation is None else entry.relaxation) if relaxation is None else relaxation
    rows = [
        _row(consistency_weight, "consistency_weight", iterations, V),
        _row(0.0 if shares is not None else _exponent(chosen), "mixing_weights", iterations, V),
        _row(relaxation, "relaxation", iterations, V),
        _row(magnitude_step, "magnitude_step", iterations, V),
    ]
    parameters = torch.stack(rows, dim=1)
    if entry.update == "reflection":  # what comes last has the weights of the last iteration
        end = parameters[-1:] if iterations else _row_of_ends(rows, chosen, V)
        parameters = torch.cat((parameters, end))
    update = _UPDATES[entry.name]
    from_mixture = update == "misi" and isinstance(init, str) and init == "mixture"
    start = None if from_mixture else _start(init, X, V, n_fft, hop)
    keep = torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in (X, V, shares, start, parameters)
    )
    estimate: Tensor = ops.unfold(
        X, V, shares, start, parameters, values, n_fft, hop, bool(center), length, update, epsilon, keep
    )[0]
    return estimate


def misi(
    mixture: Tensor,
    magnitudes: Tensor,
    *,
    n_iter: int = 5,
    init: str | Tensor = "mixture",
    mixing_weights: str | float | Tensor | None = None,
    epsilon: float = 1e-3,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    length: int | None = None,
) -> Tensor:
    """Multiple input spectrogram inversion (MISI): consistency, magnitudes, mixing.

    Parameters
    ----------
    mixture : tensor of shape (..., freq, frames), complex
    magnitudes : tensor of shape (..., source, freq, frames), real, nonnegative
    n_iter : int >= 0
        Iterations.
    init, mixing_weights, epsilon, n_fft, hop_length, win_length, window, center, length
        As in `spectrogram_inversion`.

    Returns
    -------
    tensor of shape (..., source, freq, frames), complex
        Estimates that sum to the mixture.

    Raises
    ------
    ParameterError
        If shapes, types, devices or names do not fit.
    """
    return spectrogram_inversion(
        mixture, magnitudes, "MISI", n_iter=n_iter, init=init, mixing_weights=mixing_weights,
        epsilon=epsilon, n_fft=n_fft, hop_length=hop_length, win_length=win_length, window=window,
        center=center, length=length,
    )  # fmt: skip


def mixing_iterations(
    mixture: Tensor,
    magnitudes: Tensor,
    initial: Tensor | None = None,
    *,
    n_iter: int = 50,
    mixing_weights: str | float | Tensor = "wiener",
    epsilon: float = 1e-3,
) -> Tensor:
    """Sources of given magnitudes whose sum comes near the mixture, bin by bin.

    Parameters
    ----------
    mixture : tensor of shape (..., freq, frames), complex
    magnitudes : tensor of shape (..., source, freq, frames), real, nonnegative
    initial : tensor of the shape of `magnitudes`, complex or phases in radians, optional
        Start; by default the phase of the mixture, from which the phases cannot leave the line through it.
    n_iter : int >= 0
        Iterations.
    mixing_weights : str, float or tensor
        As in `spectrogram_inversion`; exponents here are single numbers.
    epsilon : float > 0
        Bound of the gradient, see `phasewise.torch.magnitude_projection`.

    Returns
    -------
    tensor of shape (..., source, freq, frames), complex
        Sources with exactly the given magnitudes.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.

    Notes
    -----
    The way back unrolls the iterations of some frames at a time: its memory does not grow with `n_iter`. It
    has no second derivatives.
    """
    X = spectrum_tensor("mixture", mixture)
    V = magnitude_tensor("magnitudes", magnitudes, 3).to(real_type(X.dtype))
    epsilon = number("epsilon", epsilon, minimum=1e-12)
    weights = _given_shares(mixing_weights, V)
    if weights is None:
        weights = _shares(mixing_weights, V, epsilon)
    start = X.unsqueeze(-3).expand(V.shape) if initial is None else _as_values(initial, V, "initial")
    result: Tensor = projections.mixing_iterations(
        X, V, start, weights, integer("n_iter", n_iter, minimum=0), epsilon
    )
    return result


def sinusoidal_phasors(
    bins: Tensor,
    *,
    hop_length: int,
    n_fft: int,
    start: Tensor | None = None,
    onsets: Tensor | None = None,
) -> Tensor:
    r"""Phasors that turn with given frequencies from frame to frame: the recursion of the sinusoidal model.

    Parameters
    ----------
    bins : tensor of shape (..., freq, frames), real
        Frequency of every bin in units of bins: :math:`u_t = u_{t-1} \exp(2 \pi i\, l\, q_t / N)` with hop l
        and frame length N.
    hop_length, n_fft : int > 0
        Samples between and in frames.
    start : tensor of shape (..., freq, frames), complex, optional
        What onset frames start from; of frame 0 at least. By default 1.
    onsets : bool tensor of shape (..., frames), optional
        Frames that start anew; frame 0 always does.

    Returns
    -------
    tensor of shape (..., freq, frames), complex
        Differentiable in `bins` and `start`. The sums of frequencies are taken modulo whole turns in double
        precision.

    Raises
    ------
    ParameterError
        If types do not fit.
    """
    q = magnitude_tensor("bins", bins)
    hop_length, n_fft = integer("hop_length", hop_length), integer("n_fft", n_fft)
    double = q.double() * (hop_length / n_fft)
    turns = (double - double.round().detach()).cumsum(-1)
    frames = q.shape[-1]
    numbers = torch.arange(frames, device=q.device)
    if onsets is None:
        first = torch.zeros_like(numbers).expand(*q.shape[:-2], frames)
    else:
        first = torch.where(onsets, numbers, 0).cummax(-1).values.expand(*q.shape[:-2], frames)
    where = first.unsqueeze(-2).expand(q.shape)
    since = turns - turns.gather(-1, where)
    angle = (2 * torch.pi * (since - since.round().detach())).to(q.dtype)
    phasors = torch.polar(torch.ones_like(angle), angle)
    if start is None:
        return phasors
    return phasors * spectrum_tensor("start", start).expand(q.shape).gather(-1, where)


def _exponent(kind: str | float | Tensor) -> float | Tensor:
    return EXPONENTS[choice("mixing_weights", kind, EXPONENTS)] if isinstance(kind, str) else kind


def _given_shares(kind: str | float | Tensor, V: Tensor) -> Tensor | None:
    """Return weights that were given as such, normalised, or None."""
    if not isinstance(kind, Tensor) or kind.ndim < 3:
        return None
    same_device("magnitudes", V, "mixing_weights", kind)
    weights = kind.to(V.dtype).expand(V.shape)
    total = weights.sum(-3, keepdim=True)
    return torch.where(total > 0, weights / torch.where(total > 0, total, 1), 1 / V.shape[-3])


def _shares(kind: str | float | Tensor, V: Tensor, epsilon: float) -> Tensor:
    """Return the weights of an exponent."""
    exponent = _row(_exponent(kind), "mixing_weights", 1, V)[0]
    weights: Tensor = projections.mixing_shares(V, exponent, epsilon)
    return weights


def _row(value: float | Tensor, name: str, iterations: int, V: Tensor) -> Tensor:
    """Return (iterations, freq) values of a number, one per iteration, or one per iteration and bin."""
    shape = (iterations, V.shape[-2])
    if not isinstance(value, Tensor):
        return torch.full(shape, number(name, value), dtype=V.dtype, device=V.device)
    same_device("magnitudes", V, name, value)
    row = value.to(V.dtype)
    row = row.unsqueeze(-1) if row.ndim == 1 else row
    if row.ndim > 2 or any(n not in (1, m) for n, m in zip(row.shape[::-1], shape[::-1], strict=False)):
        raise ParameterError(
            f"{name} must be a number or a tensor of shape (), ({iterations},) or {shape}, got "
            f"{tuple(value.shape)}."
        )
    return row.expand(shape)


def _row_of_ends(rows: list[Tensor], chosen: str | float | Tensor, V: Tensor) -> Tensor:
    """Return the parameters of the last projection when there is no iteration."""
    end = V.new_zeros(1, len(rows), V.shape[-2])
    exponent = _exponent(chosen)
    end[:, _bins.EXPONENT] = exponent if not isinstance(exponent, Tensor) or exponent.ndim == 0 else 0.0
    return end


def _as_values(given: Tensor, V: Tensor, name: str) -> Tensor:
    """Return complex values as they are, phases with the magnitudes."""
    same_device("magnitudes", V, name, given)
    if given.shape != V.shape:
        raise ParameterError(f"{name} must have shape {tuple(V.shape)}, got {tuple(given.shape)}.")
    if given.is_complex():
        return spectrum_tensor(name, given).to(torch.complex(V[:0], V[:0]).dtype)
    phase = magnitude_tensor(name, given).to(V.dtype)
    return V * torch.polar(torch.ones_like(phase), phase)


def _start(init: str | Tensor, X: Tensor, V: Tensor, n_fft: int, hop: int) -> Tensor:
    if isinstance(init, Tensor):
        return _as_values(init, V, "init")
    choice("init", init, ("mixture", "wiener", "sinusoidal"))
    if init == "wiener":
        return _shares("wiener", V, 1e-3) * X.unsqueeze(-3)
    if init == "sinusoidal":
        from phasewise.phase.unwrapping import pu_iter

        arrays = (t.detach().resolve_conj().cpu().numpy() for t in (X, V))
        estimate = pu_iter(*arrays, hop_length=hop, n_fft=n_fft)
        return magnitude_projection(torch.as_tensor(estimate, device=X.device), V)
    return magnitude_projection(X.unsqueeze(-3).expand(V.shape), V)
