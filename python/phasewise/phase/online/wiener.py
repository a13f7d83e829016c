"""The Wiener filter of a stream: the least that a stage can do, and the base line of all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phasewise import _core
from phasewise._validate import number
from phasewise.errors import ParameterError
from phasewise.filters import wiener
from phasewise.phase.online._stage import MixtureStage
from phasewise.windows import WindowSpec

__all__ = ["OnlineWiener"]


class OnlineWiener(MixtureStage):
    """Wiener filter of a stream: `phasewise.wiener`, then the inverse transform.

    Every source keeps the phase of the mixture, so nothing has to wait: the latency is that of the inverse
    transform alone. Samples have the bits of ``istft(wiener(X, V, power=power))`` of the whole stream,
    however it is cut.

    Parameters
    ----------
    n_sources : int > 0
    n_fft, hop_length, win_length, window, center, channels, dtype
        As in `phasewise.StreamingISTFT`; centred frames may be at most half of `n_fft` apart.
    power : float >= 0
        Exponent of the magnitudes, as in `phasewise.wiener`.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or window and hop leave samples of a long stream without energy.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> rng = np.random.default_rng(0)
    >>> y = rng.standard_normal(4096)
    >>> X, V = pw.stft(y, n_fft=512, hop_length=128), rng.random((2, 257, 33))
    >>> stage = pw.OnlineWiener(2, 512, 128)
    >>> parts = [stage.push(X[:, t : t + 5], V[..., t : t + 5]) for t in range(0, 33, 5)]
    >>> sources = np.concatenate([*parts, stage.flush(4096)], axis=-1)[:, stage.latency :]
    >>> np.allclose(sources.sum(axis=0), y)
    True
    """

    def __init__(
        self,
        n_sources: int,
        n_fft: int = 2048,
        hop_length: int | None = None,
        *,
        power: float = 2.0,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._power = number("power", power, minimum=0.0)
        super().__init__(n_sources, 0, n_fft, hop_length, win_length, window, center, channels, dtype)
        f = self._framing
        if self._state.synthesis_latency != self.latency:
            raise ParameterError(
                f"hop_length must be at most {f.lead or f.n_fft} for n_fft={f.n_fft} and center={f.center}, "
                f"got {f.hop_length}: samples would wait for more frames than the latency tells."
            )

    def _make_state(self, plan: Any, double: bool) -> _FilterState:
        make = _core.StreamingIstft64 if double else _core.StreamingIstft32
        return _FilterState(make(plan, self._channels * self._sources), self._power)


class _FilterState:
    """What `phasewise.phase.online._stage` expects, by way of the streaming inverse transform."""

    def __init__(self, synthesis: Any, power: float) -> None:
        self._synthesis, self._power = synthesis, power

    @property
    def synthesis_latency(self) -> int:
        return int(self._synthesis.latency)

    @property
    def received(self) -> int:
        return int(self._synthesis.received)

    def push(self, mixture: NDArray[Any], magnitudes: NDArray[Any], out: NDArray[Any]) -> None:
        frames = mixture.shape[1]
        if frames == 0:
            return
        S = wiener(np.swapaxes(mixture, -1, -2), np.swapaxes(magnitudes, -1, -2), power=self._power)
        spectrum = np.ascontiguousarray(np.swapaxes(S, -1, -2)).reshape(-1, *mixture.shape[1:])
        samples = np.empty((len(spectrum), self._synthesis.samples(frames)), out.dtype)
        self._synthesis.push(spectrum, samples)
        _late(out, samples)

    def flush(self, length: int, out: NDArray[Any]) -> None:
        sources = out.shape[0] * out.shape[1]
        samples = np.empty((sources, length - self._synthesis.returned), out.dtype)
        self._synthesis.flush(length, samples)
        _late(out, samples)

    def reset(self) -> None:
        self._synthesis.reset()


def _late(out: NDArray[Any], samples: NDArray[Any]) -> None:
    """Put ``samples`` at the end of ``out``, behind the zeros of the latency."""
    silence = out.shape[-1] - samples.shape[-1]
    out[..., :silence] = 0
    out[..., silence:] = samples.reshape(*out.shape[:-1], -1)
