"""Better stems from anybody's stems: recover their phases, and make them sum to the mixture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._chunks import chunk_plan
from phasewise._recovery import Recovery, algorithm_name
from phasewise._stems import Callback, as_audio, rate, restore_sum, stream_chunks
from phasewise._validate import integer, number
from phasewise.errors import ParameterError
from phasewise.transform import STFT, istft

__all__ = ["Refiner", "refine"]

_DEFAULT_RATE = 44100.0
_WINDOW_SECONDS = 0.046
# Peak memory of a chunk, measured: per bin and per sample of every stem.
_BYTES_PER_BIN = 56
_BYTES_PER_SAMPLE = 14


class Refiner:
    """Phase-aware post-processing of stems, whoever made them.

    The magnitudes of the given stems are the targets, their own phases the start, and the mixture is the sum:
    an inversion algorithm moves the phases until the three agree as well as they can.

    Parameters
    ----------
    algo : str
        ``"auto"``, ``"wiener"``, or an algorithm of ``phasewise.ALGORITHMS``.
    n_iter : int
        Its iterations.
    n_fft, hop_length : int, optional
        Of the STFT, in samples of the mixture; None for the power of two nearest to 46 ms, and a quarter of
        it.
    chunk_seconds : float
        Length of a chunk, at least 1 s. Memory grows with it, see ``bytes_per_second``.

    Raises
    ------
    ParameterError
        If an argument is wrong.
    """

    def __init__(
        self,
        algo: str = "auto",
        *,
        n_iter: int = 15,
        n_fft: int | None = None,
        hop_length: int | None = None,
        chunk_seconds: float = 20.0,
    ) -> None:
        self._n_fft = None if n_fft is None else integer("n_fft", n_fft, minimum=16)
        self._hop_length = None if hop_length is None else integer("hop_length", hop_length)
        if self._hop_length is not None and self._n_fft is not None and self._hop_length > self._n_fft // 2:
            raise ParameterError(
                f"hop_length must be at most n_fft // 2 = {self._n_fft // 2}, got {self._hop_length}."
            )
        self.chunk_seconds = number("chunk_seconds", chunk_seconds, minimum=1.0, maximum=3600.0)
        self.algo = algorithm_name("algo", algo)
        self.n_iter = integer("n_iter", n_iter, minimum=0)

    def stream(
        self,
        blocks: Iterable[NDArray[Any]],
        sample_rate: float,
        *,
        total: int | None = None,
        chunk_seconds: float | None = None,
        callback: Callback | None = None,
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Refine a stream of any length in bounded memory.

        Parameters
        ----------
        blocks : iterable of ndarray (1 + stems, channels, n)
            Floating-point audio, cut anyhow: the mixture first, then the stems.
        sample_rate : float
            In Hz.
        total : int, optional
            Samples per channel of the whole stream; needed for progress only.
        chunk_seconds : float, optional
            Instead of the one the object was made with.
        callback : callable, optional
            As in ``refine``.

        Yields
        ------
        mixture : ndarray (channels, m)
            The next piece of the stream.
        stems : ndarray (stems, channels, m)
            Its stems, refined; they sum to the piece up to rounding in its dtype.
        """
        sample_rate = rate(sample_rate)
        transform = self._transform(sample_rate)
        recovery = Recovery(self.algo, self.n_iter, "mixture", transform)
        seconds = self.chunk_seconds if chunk_seconds is None else chunk_seconds
        plan = chunk_plan(seconds, sample_rate, transform["n_fft"], transform["hop_length"])

        def process(chunk: NDArray[Any], tick: Callback) -> NDArray[Any]:
            return _refine_chunk(chunk, recovery, tick)

        pieces = stream_chunks(blocks, plan, process, total, callback)
        return ((given[0], stems) for given, stems in pieces)

    def bytes_per_second(self, sample_rate: float, channels: int, n_stems: int) -> int:
        """Return the memory that each second of a chunk takes, in bytes."""
        transform = self._transform(rate(sample_rate))
        bins = (transform["n_fft"] // 2 + 1) * sample_rate / transform["hop_length"]
        return int(channels * n_stems * (_BYTES_PER_BIN * bins + _BYTES_PER_SAMPLE * sample_rate))

    def _transform(self, sample_rate: float) -> dict[str, Any]:
        n_fft = self._n_fft or 2 ** max(4, round(np.log2(_WINDOW_SECONDS * sample_rate)))
        hop_length = self._hop_length or n_fft // 4
        if hop_length > n_fft // 2:
            raise ParameterError(f"hop_length must be at most n_fft // 2 = {n_fft // 2}, got {hop_length}.")
        return {"n_fft": n_fft, "hop_length": hop_length, "window": "hann"}


def refine(
    mixture: ArrayLike,
    stems: Mapping[str, ArrayLike],
    sample_rate: float | None = None,
    *,
    algo: str = "auto",
    n_iter: int = 15,
    n_fft: int | None = None,
    hop_length: int | None = None,
    chunk_seconds: float = 20.0,
    callback: Callback | None = None,
) -> dict[str, NDArray[Any]]:
    """Improve the phase of stems that somebody's separator made, and make them sum to the mixture.

    Parameters
    ----------
    mixture : array of float32, float64, int16 or int32, shape (channels, samples) or (samples,)
        Floats have full scale 1.0.
    stems : mapping of str to array
        Estimates of all sources of the mixture, each of its shape.
    sample_rate : float, optional
        In Hz; decides the STFT. None for 44100.
    algo, n_iter, n_fft, hop_length, chunk_seconds
        See ``Refiner``.
    callback : callable, optional
        Called with the fraction that is done, never decreasing, from 0 to 1. Returning False or raising
        ``KeyboardInterrupt`` cancels.

    Returns
    -------
    dict of str to ndarray
        Stems of the shape and dtype of ``mixture``. They sum to it: exactly for integers, and for floats as
        ``phasewise.audio.settle_float_stems`` says. Inside, the stems are float32.

    Raises
    ------
    ParameterError
        If an argument is wrong, or a stem does not match the mixture.
    Cancelled
        If the callback says so.
    """
    refiner = Refiner(algo, n_iter=n_iter, n_fft=n_fft, hop_length=hop_length, chunk_seconds=chunk_seconds)
    given = as_audio("mixture", mixture)
    if not stems:
        raise ParameterError("stems must hold at least one stem, got none.")
    parts = [given.values]
    for name, stem in stems.items():
        part = as_audio(f"stems[{name!r}]", stem)
        if part.original.shape != given.original.shape:
            raise ParameterError(
                f"stems[{name!r}] must have the shape of the mixture, {given.original.shape}, "
                f"got {part.original.shape}; cut or pad it first."
            )
        parts.append(part.values.astype(given.values.dtype))
    blocks = np.stack(parts)
    out = np.empty((len(stems), *given.values.shape), given.values.dtype)
    at = 0
    pieces = refiner.stream(
        [blocks],
        _DEFAULT_RATE if sample_rate is None else sample_rate,
        total=blocks.shape[-1],
        callback=callback,
    )
    for _, piece in pieces:
        out[..., at : at + piece.shape[-1]] = piece
        at += piece.shape[-1]
    return dict(zip(stems, given.settle(out), strict=True))


def _refine_chunk(chunk: NDArray[Any], recovery: Recovery, tick: Callback) -> NDArray[Any]:
    length = chunk.shape[-1]
    spectra = np.moveaxis(STFT(**recovery.transform).analyze(chunk.astype(np.float32, copy=False)), 0, 1)
    tick(0.1)
    mixture, start = spectra[:, 0], spectra[:, 1:]
    S = recovery(mixture, np.abs(start), length=length, start=start)
    tick(0.9)
    stems = np.moveaxis(istft(S, **recovery.transform, length=length), 1, 0)
    return restore_sum(chunk[0], stems)
