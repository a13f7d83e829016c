"""Print the page of inversion algorithms, made from the registry.

python tools/make_algorithm_table.py > docs/algorithms.md
"""

from __future__ import annotations

from phasewise.phase.registry import ALGORITHMS, AUTO, SINGLE_SOURCE, Algorithm

_INTRODUCTION = f"""# Inversion algorithms

Made from `phasewise.phase.registry` by `tools/make_algorithm_table.py`. h is the mixing error, i the
inconsistency, m the magnitude error; "falls" says that the cost never increases (with zero padding).
`algo="auto"` is {AUTO}.
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
        a.paper,
    )
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """Return the text of the page."""
    head = "| name | an iteration | cost | exact | weights | b | source |\n|---|---|---|---|---|---|---|"
    several = "\n".join(_row(a) for a in ALGORITHMS.values())
    one = "\n".join(_row(a) for a in SINGLE_SOURCE.values())
    return (
        f"{_INTRODUCTION}\n## Several sources: `spectrogram_inversion`, `misi`\n\n{head}\n{several}\n\n"
        f"## One source: `griffinlim`\n\n{head}\n{one}\n"
    )


if __name__ == "__main__":
    print(page(), end="")
