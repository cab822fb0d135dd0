"""What does a cluster cost? One sparse fit on threads, and the same on worker processes of this machine, in turn.

    python benchmarks/cluster.py [--items 20000] [--workers 2] [--rounds 3] [--output benchmarks/cluster.csv]

Seconds are those of `RDX.fit` in both directions, medians over the rounds, after a small fit on either engine that
compiles what Numba compiles and starts the workers. Labels and affinities of both are compared byte for byte.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from pathlib import Path

from straightforward import hardware, representations

from rdx import RDX
from rdx.compute.engine import Engine, engine_for

COLUMNS = ("n", "d", "version", "workers", "threads_s", "cluster_s", "ratio", "equal", "rounds", "hardware")
WARM_UP = 1000  # items


def fitted(engine: Engine, version: str, a, b) -> tuple[RDX, float]:
    """An RDX fitted on an engine, and its seconds."""
    start = time.perf_counter()
    rdx = RDX(solver="sparse", version=version).fit(a, b, spread=engine.map)
    return rdx, time.perf_counter() - start


def equal(one: RDX, other: RDX) -> bool:
    """Whether both have the same labels and affinities, byte for byte."""
    return all(
        getattr(getattr(one, side), name).tobytes() == getattr(getattr(other, side), name).tobytes()
        for side in ("a_not_b_", "b_not_a_")
        for name in ("labels", "item_affinity")
    )


def measured(threads: Engine, cluster: Engine, version: str, a, b, rounds: int) -> dict[str, object]:
    """One row: both engines in turn, so that whatever else the machine does falls on both."""
    times: list[tuple[Engine, list[float]]] = [(threads, []), (cluster, [])]
    for engine, _ in times:
        fitted(engine, version, a[:WARM_UP], b[:WARM_UP])
    for _ in range(rounds):
        found = []
        for engine, seconds in times:
            rdx, took = fitted(engine, version, a, b)
            seconds.append(took)
            found.append(rdx)
    here, there = (statistics.median(seconds) for _, seconds in times)
    return {
        "n": len(a), "d": a.shape[1], "version": version, "threads_s": round(here, 2), "cluster_s": round(there, 2),
        "ratio": round(there / here, 2), "equal": equal(*found), "rounds": rounds, "hardware": hardware(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    a, b = representations(arguments.items, arguments.dimension)
    with (
        tempfile.TemporaryDirectory() as folder,
        engine_for() as threads,
        engine_for(arguments.workers, folder=Path(folder)) as cluster,
        open(arguments.output, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for version in ("v1", "v2"):
            row = {**measured(threads, cluster, version, a, b, arguments.rounds), "workers": arguments.workers}
            print("  ".join(f"{key}={value}" for key, value in row.items() if key != "hardware"), flush=True)
            writer.writerow(row)


if __name__ == "__main__":
    main()
