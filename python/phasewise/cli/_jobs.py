"""Running one job per file: failures are collected, cancellation ends them all."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from phasewise.cli._progress import Progress
from phasewise.cli._tracks import Track
from phasewise.errors import Cancelled, PhasewiseError

__all__ = ["run_jobs"]

_WAKE_SECONDS = 0.2

Job = Callable[[Track, Callable[[float], bool]], None]


def run_jobs(tracks: Sequence[Track], job: Job, progress: Progress, *, jobs: int, verbose: bool) -> int:
    """Run ``job(track, callback)`` for every track, ``jobs`` at a time, and return the exit code.

    The callback takes the fraction of the track and answers whether to go on. A job that raises does not stop
    the others; what failed is listed at the end. ``KeyboardInterrupt`` ends all and is raised again when they
    have cleaned up.
    """
    stop = threading.Event()
    failures: dict[Track, str] = {}

    def attempt(track: Track) -> None:
        file = str(track.source)

        def callback(fraction: float) -> bool:
            progress.update(file, fraction)
            return not stop.is_set()

        try:
            if not stop.is_set():
                job(track, callback)
        except Cancelled:
            raise
        except Exception as error:
            # One bad file, or a bug it meets, must not cost a whole library its night.
            known = isinstance(error, PhasewiseError)
            message = str(error) if known else f"{file}: {type(error).__name__}: {error}"
            failures[track] = message
            progress.say(f"failed: {message}")
            if verbose and not known:
                progress.say(traceback.format_exc())
            progress.end(file, "failed", error=message)

    if jobs == 1:
        for track in tracks:
            attempt(track)
    else:
        _run_threads(tracks, attempt, jobs, stop)
    progress.event("finished", succeeded=len(tracks) - len(failures), failed=len(failures))
    if failures and len(tracks) > 1:
        progress.say(f"{len(failures)} of {len(tracks)} files failed:")
        for message in (failures[track] for track in tracks if track in failures):
            progress.say(f"  {message}")
    return 1 if failures else 0


def _run_threads(
    tracks: Sequence[Track], attempt: Callable[[Track], None], jobs: int, stop: threading.Event
) -> None:
    with ThreadPoolExecutor(jobs) as pool:
        try:
            pending = {pool.submit(attempt, track) for track in tracks}
            while pending:
                # A signal may reach a worker's thread; it is handled when this one, the main thread, wakes.
                done, pending = wait(pending, timeout=_WAKE_SECONDS, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
