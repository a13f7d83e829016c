"""A pytest plugin: run librosa's tests, or anything that uses librosa, on our transforms.

``pytest -p librosa_on_phasewise`` with this folder on ``PYTHONPATH``. librosa leaves samples without window
energy as they are, so `istft` is called with ``on_zero_overlap="mask"``.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter

import librosa

import phasewise as pw

# librosa loads its parts when they are first used: these have transforms of their own.
_USERS = (
    "beat",
    "core.constantq",
    "core.pitch",
    "core.spectrum",
    "decompose",
    "effects",
    "feature.inverse",
    "feature.rhythm",
    "feature.spectral",
    "onset",
)


def exchange(setattr=setattr):
    """Put our transforms in the place of librosa's in all of its modules and return a counter of calls."""
    calls = Counter()

    def stft(*args, **kwargs):
        calls["stft"] += 1
        return pw.stft(*args, **kwargs)

    def istft(*args, **kwargs):
        calls["istft"] += 1
        return pw.istft(*args, **kwargs, on_zero_overlap="mask")

    for user in _USERS:
        importlib.import_module(f"librosa.{user}")
    for original, ours in ((librosa.stft, stft), (librosa.istft, istft)):
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == "librosa":
                for attribute, value in list(vars(module).items()):
                    if value is original:
                        setattr(module, attribute, ours)
    return calls


def pytest_configure(config):
    config.calls_of_phasewise = exchange()


def pytest_terminal_summary(terminalreporter, config):
    calls = config.calls_of_phasewise
    terminalreporter.write_line(f"phasewise calls: {calls['stft']} stft, {calls['istft']} istft")
