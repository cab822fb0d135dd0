"""From five thousand items to a million: seconds by stage, peak memory and agreement of every path, in one table.

    python benchmarks/scale.py [--only dense/5000 sparse/70000 …] [--output benchmarks/scale.csv]

Each row is a process of its own (the median of three where they are short), so that its peak memory is its
own; seconds are those of RDX.fit in both directions, without imports, data and the compilation of loops,
which happens once per machine. Where the straightforward pipeline fits, it runs in turn with RDX, and the
ratio is that of the medians; its code is in benchmarks/straightforward.py. Where the exact path fits, ARI is
that of the labels with it. Rows that are not run keep what the table has of them.

What bounds the sparse path at n = 70,000, d = 64: a pair of items costs about 17 ns in a pass on one core, 8 of them
two float64 products of 66 multiply-adds, which run at two thirds of the core's rate, 4 the choice of pairs and 5 the
counting of ranks in both representations; v2 makes a second pass, without the choice.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from straightforward import BETA, GAMMA, K, hardware, representations, straightforward

STAGES = ("points", "ranks", "graph", "eigenvectors", "kmeans", "rest")
# Where a stage's time is spent: module, function, and the stage that it belongs to.
TIMED = (
    ("rdx.method.rdx", "as_points", "points"),
    ("rdx.method.many.directions", "compute_distances", "ranks"),
    ("rdx.method.many.sparse", "make_choice", "ranks"),
    ("rdx.method.many.sparse", "sample_pairs", "ranks"),
    ("rdx.method.many.sparse", "make_profile", "ranks"),
    ("rdx.method.many.approximate", "prepare_comparison", "ranks"),
    ("rdx.method.many.approximate", "approximate_pairs", "ranks"),
    ("rdx.method.many.sparse_graph", "excess", "graph"),
    ("rdx.method.difference", "DifferenceGraph.adjacency", "graph"),
    ("rdx.method.spectral", "spectral_embedding", "eigenvectors"),
    ("rdx.method.spectral", "kmeans", "kmeans"),
)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    path: str
    n: int
    d: int
    version: str
    repeats: int = 1
    against: str | None = None  # what runs beside it: "straightforward" or "dense"
    pairs: int = 600  # pairs_per_item of the sampled paths

    @property
    def name(self) -> str:
        return f"{self.path}/{self.n}/{self.version}"


ROWS = [
    Row("dense", 5_000, 256, "v1", 3, "straightforward"),
    Row("dense", 10_000, 256, "v1", 3, "straightforward"),
    *(Row("sparse", n, 64, version, 1, "dense") for n in (5_000, 10_000) for version in ("v1", "v2")),
    *(Row("sparse", n, 64, version) for n in (20_000, 70_000, 200_000) for version in ("v1", "v2")),
    Row("approximate", 20_000, 64, "v2", 1, "dense"),
    Row("approximate", 300_000, 64, "v2", pairs=400),
    Row("approximate", 1_000_000, 64, "v2", pairs=400),
]


def one_run(path: str, n: int, d: int, version: str, pairs: int) -> dict:
    """What a child process prints: seconds, by stage too, peak memory in MB, and the labels where they are few."""
    a, b = representations(n, d)
    seconds = dict.fromkeys(STAGES, 0.0)
    if path == "straightforward":
        importlib.import_module("torch")
        importlib.import_module("sklearn.cluster")
        fit = lambda: straightforward(a, b)  # noqa: E731
    else:
        from rdx import RDX

        settings = {"n_clusters": K, "version": version, "gamma": GAMMA, "beta": BETA, "solver": path}
        settings["pairs_per_item"] = pairs
        RDX(**settings).fit(a[:1500], b[:1500])  # compiles what is not compiled yet
        _time_stages(seconds)

        def fit():
            result = RDX(**settings).fit(a, b)
            return [result.a_not_b_.labels, result.b_not_a_.labels]

    start = time.perf_counter()
    labels = fit()
    total = time.perf_counter() - start
    seconds["rest"] = total - sum(seconds.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
    found = {"seconds": total, "stages": seconds, "peak_mb": peak}
    return found | ({"labels": [part.tolist() for part in labels]} if n <= 20_000 else {})


def _time_stages(seconds: dict[str, float]) -> None:
    """Makes the functions of TIMED add what they take to their stage."""
    for module, name, stage in TIMED:
        holder = importlib.import_module(module)
        *above, last = name.split(".")
        for part in above:
            holder = getattr(holder, part)

        setattr(holder, last, _timed(getattr(holder, last), stage, seconds))


def _timed(function, stage: str, seconds: dict[str, float]):
    def timed(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[stage] += time.perf_counter() - start

    return timed


def child(path: str, row: Row) -> dict:
    command = [sys.executable, __file__, "--child", path, str(row.n), str(row.d), row.version]
    command.append(str(row.pairs))
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measure(row: Row) -> dict:
    from sklearn.metrics import adjusted_rand_score

    import rdx

    runs, others = [], []
    for _ in range(row.repeats):
        if row.against:
            others.append(child(row.against, row))
        runs.append(child(row.path, row))
    middle = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    line = {"path": row.path, "n": row.n, "d": row.d, "version": row.version, "repeats": row.repeats}
    line["pairs_per_item"] = "" if row.path == "dense" else row.pairs
    line["seconds"] = round(middle["seconds"], 2)
    line |= {stage: round(middle["stages"][stage], 2) for stage in STAGES}
    line["peak_mb"] = round(statistics.median(run["peak_mb"] for run in runs))
    for column in ("straightforward_seconds", "times_faster", "straightforward_mb", "memory_share"):
        line[column] = ""
    if row.against == "straightforward":
        slow, most = (statistics.median(run[key] for run in others) for key in ("seconds", "peak_mb"))
        line |= {"straightforward_seconds": round(slow, 2), "straightforward_mb": round(most)}
        line |= {"times_faster": round(slow / middle["seconds"], 2), "memory_share": round(line["peak_mb"] / most, 3)}
    for side, direction in enumerate(("a_not_b", "b_not_a")):
        both = others and adjusted_rand_score(others[0]["labels"][side], runs[0]["labels"][side])
        line[f"ari_{direction}"] = round(both, 4) if others else ""
    return line | {"rdx": rdx.__version__, "numpy": np.__version__, "hardware": hardware()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of path/n/version/; default: all")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--child", nargs=5, metavar=("PATH", "N", "D", "VERSION", "PAIRS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        path, n, d, version, pairs = arguments.child
        print(json.dumps(one_run(path, int(n), int(d), version, int(pairs))))
        return
    lines: dict[str, dict] = {}
    if arguments.output.exists():
        with arguments.output.open(newline="") as file:
            lines = {f"{line['path']}/{line['n']}/{line['version']}": line for line in csv.DictReader(file)}
    for row in ROWS:
        if not any(f"{row.name}/".startswith(beginning) for beginning in arguments.only):
            continue
        lines[row.name] = measure(row)
        print("  ".join(f"{key}={value}" for key, value in lines[row.name].items() if value != ""), flush=True)
        ordered = [lines[each.name] for each in ROWS if each.name in lines]
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, ordered[0].keys())
            writer.writeheader()
            writer.writerows(ordered)


if __name__ == "__main__":
    main()
