"""Time phasewise against its peers, interleaved in one process, and print the ratios.

    python bench/ratio.py [--jobs stft misi] [--rounds 21] [--threads 1] [--isa avx2] [--keep-pages]
                          [--json FILE]

In every round each contender runs once, so that a busy moment of the machine hits all of them; the table
gives the median and the minimum over the rounds, and every answer is checked. Results go to fresh arrays
unless a row says "out=".
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path
from statistics import median
from typing import Any

from jobs import BEST_PEER, OURS, Job, all_jobs, keep_pages, set_threads

# Idle OpenMP threads of one contender would spin on the core that the next one needs. Read by the libraries.
os.environ.setdefault("KMP_BLOCKTIME", "0")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def run(job: Job, rounds: int, pause: float) -> dict[str, list[float]]:
    """Return the seconds of every round by contender, with pauses before, after checking all answers."""
    ours = job.contenders[OURS]()
    for name, function in job.contenders.items():
        job.check(name, function(), ours)
    times: dict[str, list[float]] = {name: [] for name in job.contenders}
    for _ in range(rounds):
        for name, function in job.contenders.items():
            time.sleep(pause)
            start = time.perf_counter()
            answer = function()
            times[name].append(time.perf_counter() - start)
            del answer
    return times


def rows(job: Job, times: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return the table rows of one job."""
    ours = times[OURS]
    peers = {name: seconds for name, seconds in times.items() if name != OURS}
    if BEST_PEER in job.target:
        best = min(peers, key=lambda name: median(peers[name]))
        times = {**times, BEST_PEER: peers[best]}
    return [
        {
            "job": job.name,
            "contender": name,
            "median_ms": 1e3 * median(seconds),
            "min_ms": 1e3 * min(seconds),
            "ratio": median(seconds) / median(ours),
            "ratio_min": min(seconds) / min(ours),
            "target": job.target.get(name),
            "share": median(seconds) / job.seconds if job.seconds else None,
            "share_target": job.share if name == OURS and job.share else None,
        }
        for name, seconds in times.items()
    ]


def main() -> None:
    """Run the jobs that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs="*", default=[], help="only jobs whose name contains one of these")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1, help="threads of every contender")
    parser.add_argument("--isa", help="pin phasewise to an instruction set")
    parser.add_argument(
        "--keep-pages", action="store_true", help="let malloc keep freed memory (glibc): kinder to the peers"
    )
    parser.add_argument("--json", type=Path, help="write the rows and the machine here")
    arguments = parser.parse_args()

    import phasewise
    from phasewise import _core

    if arguments.isa:
        _core.set_isa(arguments.isa)
    set_threads(arguments.threads)
    if arguments.keep_pages:
        keep_pages()
    info = phasewise.build_info()
    processor = platform.processor() or platform.machine()
    print(f"{processor}, isa {info['isa']}, {arguments.threads} thread(s), {info['compiler']}")
    print(f"{'job':42} {'contender':20} {'median ms':>10} {'min ms':>9} {'ratio':>6} {'by min':>6}  target")
    table: list[dict[str, Any]] = []
    pause = 0.04 if arguments.threads > 1 else 0.0  # idle threads of OpenBLAS spin for 25 ms
    for make in all_jobs(arguments.threads):
        job = make()
        if arguments.jobs and not any(word in job.name for word in arguments.jobs):
            continue
        for row in rows(job, run(job, arguments.rounds, pause)):
            table.append(row)
            goal = (
                ""
                if row["target"] is None
                else f"{row['target']:.1f} {'met' if row['ratio'] >= row['target'] else 'MISSED'}"
            )
            if row["share"] is not None:
                goal = f"{row['share']:.4f} of real time {goal}"
            if row["share_target"] is not None:
                met = "met" if row["share"] <= row["share_target"] else "MISSED"
                goal = f"{goal}(at most {row['share_target']:g}: {met})"
            print(
                f"{row['job']:42} {row['contender']:20} {row['median_ms']:10.2f} {row['min_ms']:9.2f} "
                f"{row['ratio']:6.2f} {row['ratio_min']:6.2f}  {goal}",
                flush=True,
            )
    if arguments.json:
        machine = {"processor": platform.processor(), "threads": arguments.threads, **info}
        arguments.json.write_text(json.dumps({"machine": machine, "rows": table}, indent=1))


if __name__ == "__main__":
    main()
