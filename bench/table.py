"""Turn the JSON files of ratio.py into one Markdown table: a row per job, a column of ratios per file.

python bench/table.py one_thread.json two_threads.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from jobs import BEST_PEER, OURS


def cells(rows: list[dict[str, Any]], job: str) -> str:
    """Return our time and the ratios to all peers for one job."""
    of_job = [row for row in rows if row["job"] == job]
    if not of_job:
        return " | "
    ours = next(row for row in of_job if row["contender"] == OURS)
    peers = [row for row in of_job if row["contender"] not in (OURS, BEST_PEER)]
    ratios = ", ".join(f"{row['contender']} {row['ratio']:.1f} ({row['ratio_min']:.1f})" for row in peers)
    return f"{ours['median_ms']:.3g} | {ratios}"


def main() -> None:
    """Print the table."""
    files = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    heads = [f"{f['machine']['threads']} thread(s), {f['machine']['isa']}" for f in files]
    print("| job | " + " | ".join(f"ms, {head} | ratio by median (by minimum)" for head in heads) + " |")
    print("|---|" + "---:|---|" * len(files))
    jobs = dict.fromkeys(row["job"] for f in files for row in f["rows"])
    for job in jobs:
        print(f"| {job} | " + " | ".join(cells(f["rows"], job) for f in files) + " |")


if __name__ == "__main__":
    main()
