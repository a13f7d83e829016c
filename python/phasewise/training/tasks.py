"""What a network is trained for: which loss, and which signals to validate.

A task takes the stems of a batch, (batch, stem, channel, samples). Spectra are zero-padded like those of
`phasewise.stft`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from phasewise.errors import ParameterError
from phasewise.torch import ISTFT, STFT
from phasewise.training.losses import magnitude_loss, phase_loss, spectrum_loss, waveform_loss

__all__ = ["TASKS", "Task", "task_for"]


class Task(nn.Module):
    """A network, its transform, and the positions of its stems among those of the data.

    Parameters
    ----------
    network : module
    stems : sequence of str
        Of the data.
    """

    def __init__(self, network: Any, stems: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        transform = network.transform
        self.stft = STFT(transform.n_fft, transform.hop_length, compat="librosa")
        self.istft = ISTFT(transform.n_fft, transform.hop_length)
        self.names = tuple(getattr(network, "stems", stems))
        rest = getattr(network, "rest", "")
        missing = set(self.names) - set(stems) - {rest}
        if missing:
            raise ParameterError(
                f"stems of the data must have those of the network; {sorted(missing)} are missing."
            )
        # Which stems of the data make each of the network's.
        self.parts = [
            [i for i, stem in enumerate(stems) if stem == name or (name == rest and stem not in self.names)]
            for name in self.names
        ]

    def targets(self, sources: Tensor) -> Tensor:
        """Return the stems that the network is for."""
        return torch.stack([sources[:, part].sum(1) for part in self.parts], dim=1)

    def loss(self, sources: Tensor) -> Tensor:
        """Return what training lowers."""
        raise NotImplementedError

    def estimate(self, sources: Tensor) -> Tensor:
        """Return the signals (batch, stem, channel, samples) that the network finds in the mixture."""
        raise NotImplementedError

    def signals(self, spectra: Tensor, sources: Tensor) -> Tensor:
        """Return the signals of spectra, as long as the sources."""
        return self.istft(spectra, length=sources.shape[-1])


class MagnitudeTask(Task):
    """Magnitudes of the stems from those of the mixture; signals have the mixture's phase."""

    def loss(self, sources: Tensor) -> Tensor:
        """Mean absolute error of the magnitudes."""
        mixture = self.stft(sources.sum(1)).abs()
        return magnitude_loss(self.network(mixture), self.stft(self.targets(sources)).abs())

    def estimate(self, sources: Tensor) -> Tensor:
        """Return the signals (batch, stem, channel, samples)."""
        mixture = self.stft(sources.sum(1))
        unit = torch.polar(torch.ones_like(mixture.real), mixture.angle())
        return self.signals(self.network(mixture.abs()) * unit[:, None], sources)


class SpectrumTask(Task):
    """Spectra of the stems from that of the mixture."""

    def loss(self, sources: Tensor) -> Tensor:
        """Mean absolute errors of signals, real and imaginary parts."""
        targets = self.targets(sources)
        spectra = self.network(self.stft(sources.sum(1)))
        return waveform_loss(self.signals(spectra, sources), targets) + spectrum_loss(
            spectra, self.stft(targets)
        )

    def estimate(self, sources: Tensor) -> Tensor:
        """Return the signals (batch, stem, channel, samples)."""
        return self.signals(self.network(self.stft(sources.sum(1))), sources)


class PhaseTask(Task):
    """Phases of the stems from their true magnitudes and the mixture."""

    def loss(self, sources: Tensor) -> Tensor:
        """Error of the phases, weighted by the energy."""
        spectra = self.stft(self.targets(sources))
        found = self.network(self.stft(sources.sum(1)), spectra.abs())
        return phase_loss(found.phasors, spectra, concentration=found.concentration)

    def estimate(self, sources: Tensor) -> Tensor:
        """Return the signals of the true magnitudes with the phases found."""
        magnitudes = self.stft(self.targets(sources)).abs()
        found = self.network(self.stft(sources.sum(1)), magnitudes)
        return self.signals(magnitudes * found.phasors, sources)


class WaveformTask(Task):
    """Signals of the stems from that of the mixture, all steps together."""

    def loss(self, sources: Tensor) -> Tensor:
        """Mean absolute error of the signals."""
        return waveform_loss(self.network(sources.sum(1)), self.targets(sources))

    def estimate(self, sources: Tensor) -> Tensor:
        """Return the signals (batch, stem, channel, samples)."""
        return self.network(sources.sum(1))


TASKS = {"magnitude": MagnitudeTask, "spectrum": SpectrumTask, "phase": PhaseTask, "waveform": WaveformTask}
_FITTING = {
    "MagBS": "magnitude",
    "OpenUnmix": "magnitude",
    "BSRNN": "spectrum",
    "PhaseCRNN": "phase",
    "Demixer": "waveform",
}


def task_for(network: Any, stems: Sequence[str], loss: str = "auto") -> Task:
    """Return the task of a network.

    Parameters
    ----------
    network : module
        Of `phasewise.models`.
    stems : sequence of str
        Of the data.
    loss : str
        A key of `TASKS`, or "auto" for the one that fits.

    Raises
    ------
    ParameterError
        If the task does not fit the network.
    """
    fitting = _FITTING[type(network).__name__]
    if loss not in ("auto", fitting):
        raise ParameterError(
            f"loss must be 'auto' or {fitting!r} for {type(network).__name__}, got {loss!r}."
        )
    return TASKS[fitting](network, stems)
