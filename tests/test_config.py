"""Threads and instruction sets: settings, environment, fork, and the interpreter's lock."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import phasewise as pw
from phasewise import _core


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_build_info():
    info = pw.build_info()
    assert info["isa"] in info["isa_available"]
    assert info["version"] == pw.__version__
    assert info["threads"] >= 1
    assert info["compiler"]
    assert info["eigen"].startswith("3.")


def test_set_num_threads():
    before = pw.get_num_threads()
    pw.set_num_threads(3)
    assert pw.get_num_threads() == 3
    for bad, message in (
        (0, "n must be an integer >= 1, got 0"),
        (1.5, "n must be an integer >= 1, got 1.5"),
    ):
        with pytest.raises(pw.ParameterError, match=message):
            pw.set_num_threads(bad)
    pw.set_num_threads(before)


def test_environment_pins_isa_and_threads():
    for isa in _core.available_isas():
        code = "import phasewise as pw; i = pw.build_info(); print(i['isa'], i['threads'])"
        result = run(code, PHASEWISE_ISA=isa, PHASEWISE_NUM_THREADS="3")
        assert result.stdout.split() == [isa, "3"], result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PHASEWISE_ISA", "sse9", "PHASEWISE_ISA must be one of"),
        ("PHASEWISE_NUM_THREADS", "many", "PHASEWISE_NUM_THREADS must be an integer >= 1, got 'many'"),
        ("PHASEWISE_NUM_THREADS", "0", "PHASEWISE_NUM_THREADS must be an integer >= 1, got '0'"),
    ],
)
def test_bad_environment_is_explained(variable, value, message):
    result = run("import phasewise as pw; pw.build_info()", **{variable: value})
    assert result.returncode != 0
    assert message in result.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_after_threads_were_used():
    code = """
import os, numpy as np, phasewise as pw
pw.set_num_threads(2)
y = np.random.default_rng(0).standard_normal(200000).astype(np.float32)
before = pw.stft(y)
child = os.fork()
if child == 0:
    os._exit(0 if np.array_equal(pw.stft(y), before) else 1)
_, status = os.waitpid(child, 0)
assert status == 0
assert np.array_equal(pw.stft(y), before)
"""
    result = run(code)
    assert result.returncode == 0, result.stderr


def test_the_interpreter_runs_during_a_call():
    V = np.abs(np.random.default_rng(0).standard_normal((1025, 400))).astype(np.float32)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.002)

    ticker = threading.Thread(target=tick)
    ticker.start()
    start = time.perf_counter()
    pw.griffinlim(V, n_iter=60, rng=0)
    end = time.perf_counter()
    done.set()
    ticker.join()
    assert sum(start < t < end for t in ticks) > 5


def test_calls_from_several_threads_agree():
    y = np.random.default_rng(0).standard_normal(300000).astype(np.float32)
    expected = pw.stft(y)
    results = [None] * 4

    def work(i):
        results[i] = [pw.stft(y) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(S, expected) for result in results for S in result)


def test_recycled_memory_is_not_shared():
    y = np.random.default_rng(0).standard_normal(600000).astype(np.float32)
    kept = pw.stft(y)
    copy = kept.copy()
    for _ in range(3):
        pw.stft(-y)
    assert np.array_equal(kept, copy)
    _core.trim_memory()
    assert np.array_equal(kept, copy)
