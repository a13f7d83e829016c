"""Print the page of inversion algorithms, made from the registry.

python tools/make_algorithm_table.py > docs/algorithms.md
"""

from __future__ import annotations

from phasewise.phase.registry import ALGORITHMS, SINGLE_SOURCE, Algorithm

_INTRODUCTION = """# Inversion algorithms

Made from `phasewise.phase.registry` by `tools/make_algorithm_table.py`. h is the mixing error, i the
inconsistency, m the magnitude error; "falls" says that the cost never increases (with zero padding).
"Calls" are projections on consistent spectrograms (two transforms of every frame of every source) for n
iterations; they are nearly all of the time. Latency is what a result waits for; those marked "online"
run on streams too, and wait for the K frames of their look-ahead.
"""


def _row(a: Algorithm) -> str:
    exact = " and ".join(
        word for word, holds in (("sum", a.exact_mixture), ("magnitudes", a.exact_magnitude)) if holds
    )
    relaxation = "" if a.relaxation is None else f"{a.relaxation:g}"
    cells = (
        f"`{a.name}`",
        a.summary,
        a.cost + (", falls" if a.monotone and a.iterative else ""),
        exact or "-",
        str(a.weights),
        relaxation,
        a.start,
        a.calls,
        a.latency + ("; online, K frames" if a.online else ""),
        a.paper,
    )
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """Return the text of the page."""
    head = "| name | an iteration | cost | exact | weights | b | start | calls | latency | source |\n"
    head += "|" + "---|" * 10
    several = "\n".join(_row(a) for a in ALGORITHMS.values())
    one = "\n".join(_row(a) for a in SINGLE_SOURCE.values())
    return (
        f"{_INTRODUCTION}\n## Several sources: `spectrogram_inversion`, `misi`, `OnlineInversion`\n\n"
        f"{head}\n{several}\n\n"
        f"## One source: `griffinlim`, `RTISILA`\n\n{head}\n{one}\n"
    )


if __name__ == "__main__":
    print(page(), end="")
