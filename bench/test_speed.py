"""The jobs as pytest-benchmark tests, peers in the same group: ``pytest bench --benchmark-enable``."""

from __future__ import annotations

import pytest

from jobs import OURS, all_jobs, set_threads


def _cases() -> list[object]:
    return [
        pytest.param(make, name, id=f"{make().name}-{name}")
        for make in all_jobs(1)
        for name in make().contenders
    ]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    set_threads(1)


@pytest.mark.parametrize(("make", "name"), _cases())
def test_speed(benchmark, make, name):
    job = make()
    benchmark.group = job.name
    answer = benchmark.pedantic(job.contenders[name], rounds=5, warmup_rounds=1)
    job.check(name, answer, job.contenders[OURS]())
