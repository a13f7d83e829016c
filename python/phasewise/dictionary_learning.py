"""Learning a dictionary from isolated tracks: a beta-NMF per stem of a bounded sample of its frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._bands import band_edges, pool
from phasewise._validate import choice, integer, magnitudes, number
from phasewise.dictionary import Dictionary
from phasewise.errors import ParameterError

__all__ = ["fit_stem", "learn", "track_frames"]

Track = str | os.PathLike[str]
_BLOCK_FRAMES = 256
_SILENCE_DB = -50.0


def learn(
    tracks: Mapping[str, Sequence[Track]],
    *,
    rank: int | Mapping[str, int] = 100,
    sample_rate: int = 44100,
    n_fft: int = 4096,
    hop_length: int | None = None,
    window: str = "hann",
    beta: float = 1.0,
    bands: str = "auto",
    n_iter: int = 100,
    accelerate: bool = True,
    max_frames: int = 20000,
    rng: int | np.random.Generator | None = None,
    metadata: Mapping[str, str] | None = None,
    callback: Callable[[float], Any] | None = None,
) -> Dictionary:
    """Learn the spectra of every stem from tracks on which it plays alone.

    Parameters
    ----------
    tracks : mapping of str to sequence of path
        Audio files of every stem, of any rate and number of channels.
    rank : int or mapping of str to int
        Spectra per stem.
    sample_rate, n_fft, hop_length, window
        Transform of the dictionary; `hop_length` is ``n_fft // 4`` by default.
    beta : float
        Divergence: 1 Kullback-Leibler, 0 Itakura-Saito, 2 Euclidean.
    bands : {"auto", "none"}
        "auto" makes the spectra constant within bands of 2 % of their frequency above 1.5 kHz if `beta` is 1,
        where that costs no exactness; "none" keeps all bins.
    n_iter : int
        Iterations of each factorisation.
    accelerate : bool
        Extrapolate between them (see `phasewise.nmf`): 100 iterations then fit better than 200 without.
    max_frames : int
        Frames per stem that are factorised: every track gives at most its equal share of them, at random, so
        neither long tracks nor many of them need more memory.
    rng : None, int or Generator
        Of the choice of frames and the start.
    metadata : mapping of str to str, optional
        Kept in the dictionary.
    callback : callable, optional
        Called with the fraction that is done.

    Returns
    -------
    Dictionary

    Raises
    ------
    ParameterError
        If a stem has no tracks or too little sound for its rank.
    AudioDecodeError
        If a file cannot be read.

    Notes
    -----
    Cost: 8 operations per band, spectrum, frame and iteration. Memory: about six matrices of bands x frames.
    """
    if not tracks:
        raise ParameterError("tracks must have at least one stem; give files for each stem.")
    choice("bands", bands, ("auto", "none"))
    generator = np.random.default_rng(rng)
    hop_length = integer("n_fft", n_fft) // 4 if hop_length is None else hop_length
    number("beta", beta)
    edges = band_edges(n_fft, sample_rate) if bands == "auto" and beta == 1 else None
    ranks = {stem: rank[stem] if isinstance(rank, Mapping) else rank for stem in tracks}
    spectra: dict[str, NDArray[np.float32]] = {}
    for done, (stem, paths) in enumerate(tracks.items()):
        if not paths:
            raise ParameterError(f"tracks[{stem!r}] must have at least one audio file, got none.")
        share = max(1, integer("max_frames", max_frames) // len(paths))
        sample = []
        for i, path in enumerate(paths):
            frames = track_frames(
                path,
                share,
                sample_rate=sample_rate,
                n_fft=n_fft,
                hop_length=hop_length,
                window=window,
                rng=generator,
            )
            sample.append(frames if edges is None else pool(frames, edges))
            if callback is not None:
                callback((done + (i + 1) / len(paths) / 2) / len(tracks))
        rows = np.concatenate(sample, axis=1)
        if rows.shape[1] < ranks[stem]:
            raise ParameterError(
                f"tracks[{stem!r}] must have at least {ranks[stem]} frames with sound for the rank "
                f"{ranks[stem]}, but has {rows.shape[1]}; give more audio or a lower rank."
            )
        spectra[stem] = fit_stem(
            rows, ranks[stem], beta=beta, n_iter=n_iter, accelerate=accelerate, rng=generator
        )
        if edges is not None:
            spectra[stem] /= np.diff(edges)[:, None].astype(np.float32)
        if callback is not None:
            callback((done + 1) / len(tracks))
    return Dictionary(
        stems=tuple(tracks),
        W=spectra,
        sample_rate=sample_rate,
        n_fft=n_fft,
        hop_length=hop_length,
        window=window,
        beta=beta,
        edges=edges,
        metadata=metadata or {},
    )


def fit_stem(
    V: ArrayLike,
    rank: int,
    *,
    beta: float = 1.0,
    n_iter: int = 100,
    accelerate: bool = False,
    rng: int | np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Learn spectra from frames in which one stem plays alone.

    Parameters
    ----------
    V : array of shape (freq, frames), nonnegative
        Magnitudes of frames, or their sums over bands; silent frames teach nothing.
    rank : int
        Number of spectra.
    beta, n_iter, accelerate, rng
        As in `learn`.

    Returns
    -------
    ndarray of float32, shape (freq, rank)
        Spectra with the sum 1.
    """
    from phasewise.factorization import nmf

    frames = magnitudes("V", V).astype(np.float32, copy=False)
    steps = integer("n_iter", n_iter)
    W = nmf(frames, integer("rank", rank), beta=beta, n_iter=steps, accelerate=accelerate, rng=rng)[0]
    total = W.sum(axis=0)
    # A spectrum may die out; it is then replaced by the mean of the frames, which harms nothing.
    mean = frames.mean(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, W / np.where(total > 0, total, 1), mean / mean.sum()), np.float32)


def track_frames(
    path: Track,
    max_frames: int,
    *,
    sample_rate: int,
    n_fft: int,
    hop_length: int,
    window: str = "hann",
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return a random sample of a track's frames that have sound, as magnitudes.

    The file is read in blocks and at most twice `max_frames` are kept, so a track of any length will do.
    Frames 50 dB below the loudest are silent. The mean of what is returned is 1: quiet tracks teach as much
    as loud ones.

    Returns
    -------
    ndarray of float32, shape (n_fft // 2 + 1, n)
        ``n`` is at most `max_frames`, and 0 for a silent track.
    """
    from phasewise.transform import STFT

    transform = STFT(n_fft, hop_length, window=window, center=False)
    kept = np.empty((2 * max_frames, n_fft // 2 + 1), np.float32)
    levels = np.zeros(len(kept))
    seen = 0
    for signal in _framed_blocks(path, sample_rate, n_fft, hop_length):
        block = transform.magnitude(signal).swapaxes(-1, -2).reshape(-1, kept.shape[1])
        level = block.sum(axis=1, dtype=np.float64)
        audible = level > max(levels.max(), level.max()) * 10 ** (_SILENCE_DB / 20)
        # Reservoir sampling: each audible frame so far is among the kept ones with the same probability.
        for frame, loudness in zip(block[audible], level[audible], strict=True):
            place = seen if seen < len(kept) else int(rng.integers(seen + 1))
            seen += 1
            if place < len(kept):
                kept[place], levels[place] = frame, loudness
    audible_rows = np.flatnonzero(levels > levels.max() * 10 ** (_SILENCE_DB / 20))
    if len(audible_rows) > max_frames:
        audible_rows = np.sort(rng.choice(audible_rows, max_frames, replace=False))
    frames = kept[audible_rows]
    if len(frames):
        frames /= frames.mean(dtype=np.float64)
    return np.asarray(frames.T)


def _framed_blocks(
    path: Track, sample_rate: int, n_fft: int, hop_length: int
) -> Iterator[NDArray[np.float32]]:
    """Yield pieces (channels, samples) that hold whole frames; the last piece is filled up with zeros."""
    from phasewise.audio import AudioReader, Resampler

    step = _BLOCK_FRAMES * hop_length
    with AudioReader(path) as reader:
        blocks: Iterator[NDArray[Any]] = reader.blocks()
        if reader.info.sample_rate != sample_rate:
            resampler = Resampler(reader.info.sample_rate, sample_rate, reader.info.channels, reader.dtype)
            blocks = resampler.stream(blocks)
        waiting = np.zeros((reader.info.channels, 0), np.float32)
        for block in blocks:
            waiting = np.concatenate([waiting, block.astype(np.float32, copy=False)], axis=1)
            while waiting.shape[1] >= step + n_fft:
                yield waiting[:, : step + n_fft - hop_length]
                waiting = waiting[:, step:]
        if waiting.any():
            missing = max(0, n_fft - waiting.shape[1])
            yield np.pad(waiting, ((0, 0), (0, missing)))
