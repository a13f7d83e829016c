"""What the first result costs: modules that are imported, and memory beyond the result."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MIB = 2**20


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_first_result_imports_numpy_and_little_else():
    """`bench/first_result.py` measures the time; the modules are what decides it."""
    loaded = run(
        "import sys, json, numpy\n"
        "before = set(sys.modules)\n"
        "import phasewise\n"
        "phasewise.stft(numpy.zeros(4096, numpy.float32))\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    foreign = {name.split(".")[0] for name in loaded} - {"numpy", "phasewise"} - sys.stdlib_module_names
    assert not foreign
    ours = {name.split(".")[1] for name in loaded if name.startswith("phasewise.")}
    parts = ("arrays", "core", "framing", "inputs", "memory", "validate")
    assert ours <= {*(f"_{part}" for part in parts), "errors", "transform", "windows"}
    slow = {
        "inspect",
        "asyncio",
        "multiprocessing",
        "unittest",
        "email",
        "http",
        "importlib.metadata",
        "json",
    }
    assert not slow & set(loaded)


# What is measured, and what it needs.
CALLS = {
    "pw.stft(y)": "",
    "pw.stft(z)": "z = y.astype(np.float64)",
    "plan.magnitude(y)": "",
    "pw.istft(S)": "S = plan.analyze(y)",
    "plan.project_consistent(S)": "S = plan.analyze(y)",
}


SETTING = """
import json, numpy as np, phasewise as pw
def status(key):
    line = next(s for s in open('/proc/self/status') if s.startswith(key))
    return int(line.split()[1]) * 1024
"""
needs_peak = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's peak of memory"
)


@needs_peak
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", CALLS)
def test_peak_memory_is_the_result_and_16_mib(call, threads):
    result, peak = run(
        f"{SETTING}"
        f"pw.set_num_threads({threads})\n"
        "y = np.random.default_rng(0).uniform(-1, 1, (2, 60 * 44100)).astype(np.float32)\n"
        "plan = pw.STFT(2048, 512)\n"
        f"{CALLS[call]}\n"
        "plan.analyze(y[0, :9000])\n"
        "before = status('VmRSS')\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        f"result = {call}\n"
        "print(json.dumps([result.nbytes, status('VmHWM') - before]))"
    )
    assert result > 20 * MIB
    assert 0.9 * result < peak <= result + 16 * MIB


@needs_peak
@pytest.mark.parametrize("beta", [0, 1, 2])
@pytest.mark.parametrize(("frames", "rank"), [(2584, 32), (10336, 64)])
def test_factorisation_needs_a_tenth_of_its_data_or_2_mib(frames, rank, beta):
    data, factors, peak = run(
        f"{SETTING}"
        "pw.set_num_threads(2)\n"
        f"V = np.random.default_rng(0).random(({frames}, 1025), np.float32).T\n"
        "pw.nmf(V[:, :100], 4, n_iter=1, rng=0)\n"
        "before = status('VmRSS')\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        f"W, H = pw.nmf(V, {rank}, beta={beta}, n_iter=1, rng=0)\n"
        "print(json.dumps([V.nbytes, W.nbytes + H.nbytes, status('VmHWM') - before]))"
    )
    assert 0.9 * factors < peak <= factors + max(data // 10, 2 * MIB)


# Of one source's spectrogram, for four sources whose frames overlap by three quarters: a set of signals is 1,
# feasible magnitudes 2. MISI's signals live in the memory of its result, unless it has to tell its costs.
INVERSIONS = {
    ("MISI", ""): 0.0,
    ("MISI", "init='wiener', "): 0.0,
    ("MISI", "return_cost=True, "): 1.0,
    ("RRR", ""): 1.0,
    ("RAAR", ""): 1.0,
    ("Mag+Incons_hardMix", ""): 1.0,
    ("auto", ""): 3.0,
}


@needs_peak
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(("algo", "options"), INVERSIONS)
def test_inversion_needs_one_set_of_signals_or_none(algo, options, threads):
    one, peak = run(
        f"{SETTING}"
        f"pw.set_num_threads({threads})\n"
        "rng, frames = np.random.default_rng(0), 1292\n"
        "V = np.swapaxes(rng.random((4, frames, 1025), np.float32), -1, -2)\n"
        "X = np.empty((frames, 1025), np.complex64).T\n"
        "X[...] = V[0]\n"
        f"pw.spectrogram_inversion(X[:, :9], V[..., :9], {algo!r}, n_iter=1)\n"
        "before = status('VmRSS')\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        f"S = pw.spectrogram_inversion(X, V, {algo!r}, {options}n_iter=2)\n"
        "S = S[0] if isinstance(S, tuple) else S\n"
        "print(json.dumps([X.nbytes, status('VmHWM') - before - S.nbytes]))"
    )
    assert peak <= (1.1 * INVERSIONS[algo, options] + 0.15) * one


@needs_peak
@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_griffinlim_needs_its_start_and_a_second_signal(momentum):
    spectrogram, peak = run(
        f"{SETTING}"
        "V = np.random.default_rng(0).random((10336, 1025), np.float32).T\n"
        "start = np.empty((10336, 1025), np.complex64).T\n"
        "start[...] = V\n"
        "pw.griffinlim(V[:, :9], n_iter=1, momentum=0.0, init=start[:, :9])\n"
        "before = status('VmRSS')\n"
        "open('/proc/self/clear_refs', 'w').write('5')\n"
        f"y = pw.griffinlim(V, n_iter=1, momentum={momentum}, init=start)\n"
        "print(json.dumps([start.nbytes, status('VmHWM') - before - y.nbytes]))"
    )
    assert peak <= (1.1 * (1 + (0.25 if momentum else 0)) + 0.1) * spectrogram
