"""RDX on a CUDA card: seconds by stage, how near each stage is to what the card can do, peak memory.

    python benchmarks/gpu.py [--sizes 50000 1000000] [--solvers dense sparse] [--output benchmarks/gpu.csv]

d = 256, both directions, version v2. Sizes whose rank matrices do not fit the card run sparse only. The
card's own rates are measured in the same run: a large float64 product, and a copy in its memory. What a
stage did is the least it had to do: the products' operations, and every number read or written once. Without
a usable card it says so in one line and leaves with exit code 2.
"""

from __future__ import annotations

import argparse
import csv
import functools
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

K, GAMMA, BETA = 5, 0.1, 5.0
WARM_UP = 5000  # items of a first comparison that is not counted: it loads kernels and compiles
GIB = 1 << 30


class Stages:
    """Seconds, operations and bytes of a run's stages; a stage inside another counts for itself only."""

    def __init__(self, device) -> None:
        self.device = device
        self.seconds, self.flops, self.bytes = defaultdict(float), defaultdict(float), defaultdict(float)
        self._inside: list[float] = []  # seconds that stages within each open one took
        self._replaced: list[tuple] = []

    def watch(self, stage: str, owner, name: str, work=None) -> None:
        """Counts calls of ``owner.name`` as ``stage``; ``work(arguments, result)`` gives operations and bytes."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*given, **named):
            if threading.current_thread() is not threading.main_thread():
                return function(*given, **named)
            self._inside.append(0.0)
            start = self._now()
            try:
                result = function(*given, **named)
            finally:
                spent = self._now() - start
                self.seconds[stage] += spent - self._inside.pop()
                if self._inside:
                    self._inside[-1] += spent
            if work is not None:
                flops, moved = work(given, result)
                self.flops[stage] += flops
                self.bytes[stage] += moved
            return result

        setattr(owner, name, timed)
        self._replaced.append((owner, name, function))

    def _now(self) -> float:
        if self.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def release(self) -> None:
        for owner, name, function in reversed(self._replaced):
            setattr(owner, name, function)


def watch_all(stages: Stages) -> None:
    """The stages of both paths."""
    from rdx.method import pipeline, rdx, spectral
    from rdx.method.gpu import device_choice, device_graph, device_sample, device_tiles
    from rdx.method.many import sparse, sparse_graph

    def product(given, result):  # one float64 product; the points read once, the tile written once
        width = given[0].tensor.shape[1]
        return 2.0 * result.numel() * width, 8.0 * (result.numel() + given[0].tensor.numel())

    def counting(given, result):  # distances read
        return 0.0, 8.0 * given[0].numel()

    def drawing(given, result):  # distances in each representation read, a byte written
        return 0.0, (2 * 8.0 + 1.0) * result.numel()

    def finding(given, result):  # distances read, a byte written and read
        return 0.0, (8.0 + 1.0 + 1.0) * given[0].squared.numel()

    def ordering(given, result):  # distances read, order written and read, ranks written
        return 0.0, (8.0 + 8.0 + 8.0 + 4.0) * result.numel()

    def filled(given, result):  # both ranks read, the graph written
        return 0.0, (4.0 + 4.0 + 4.0) * result.numel()

    def dense_product(given, result):
        return 2.0 * len(given[0]) ** 2 * given[1].shape[1], 4.0 * len(given[0]) ** 2

    def sparse_product(given, result):  # each pair from both ends: item, value, and a line of the vectors
        pairs, lines = len(given[0].items), -(-given[1].shape[1] // device_graph.WIDTH)
        return 2.0 * 2 * pairs * given[1].shape[1], 2.0 * pairs * lines * (4 + 4 + 4 * device_graph.WIDTH)

    stages.watch("grid", rdx, "as_points")
    for owner in (device_tiles, device_graph):  # the sparse path takes it from the first, the dense from the second
        stages.watch("upload", owner, "on_device")
    for owner in (device_tiles, device_choice, device_graph):
        stages.watch("distances", owner, "squared_rows", product)
    stages.watch("ordering rows", device_graph, "device_ranks", ordering)
    stages.watch("symmetrising", device_graph, "compute_distances_on")
    stages.watch("graph", device_graph.DeviceAdjacency, "_filled", filled)
    stages.watch("graph products", device_graph.DeviceAdjacency, "multiply", dense_product)
    stages.watch("fitting chances", sparse, "make_choice")
    stages.watch("nearest items", device_choice.Side, "nearest", finding)
    stages.watch("drawing pairs", device_choice.DeviceChoice, "drawn", drawing)
    stages.watch("gathering chosen pairs", device_sample, "_choose_rows")
    stages.watch("gathering ranks", device_sample, "_rank_rows")
    for owner in (device_sample, device_graph):
        stages.watch("counting ranks", owner, "count_ranks_on", counting)
    stages.watch("transposing", device_sample, "_transposed_there")
    stages.watch("transposing", device_graph, "transposed_on")
    stages.watch("thinning", sparse_graph, "thinned")
    stages.watch("putting tiles together", device_sample, "sample_pairs_on")
    stages.watch("values of pairs", sparse_graph, "excess")
    stages.watch("graph products", device_graph.DeviceSparseAdjacency, "multiply", sparse_product)
    stages.watch("Lanczos", spectral, "leading_eigenvectors")
    stages.watch("k-means", spectral, "kmeans")
    stages.watch("strengths", pipeline, "order")
    stages.watch("grids and the rest", rdx.RDX, "fit")


def card_rates(device) -> tuple[float, float]:
    """The card's operations a second in a large float64 product, and bytes a second in a copy (read and written)."""
    import torch

    side = 8192 if device.type == "cuda" else 256
    x = torch.ones((side, side), dtype=torch.float64, device=device)
    y = torch.empty_like(x)

    def seconds(work) -> float:
        best = float("inf")
        for _ in range(4):
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            start = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, time.perf_counter() - start)
        return best

    return 2.0 * side**3 / seconds(lambda: torch.mm(x, x, out=y)), 2.0 * x.nbytes / seconds(lambda: y.copy_(x))


def measure(n: int, d: int, solver: str, device, name: str) -> tuple[Stages, float, float]:
    """Stages, seconds and peak device memory in bytes of one comparison; ``name`` is what RDX is given."""
    import torch
    from straightforward import representations

    from rdx import RDX

    a, b = representations(n)
    stages = Stages(device)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    watch_all(stages)
    try:
        start = time.perf_counter()
        RDX(K, gamma=GAMMA, beta=BETA, solver=solver, device=name).fit(a[:, :d], b[:, :d])
        seconds = time.perf_counter() - start
    finally:
        stages.release()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0.0
    return stages, seconds, peak


def rows_of(stages: Stages, seconds: float, peak: float, about: dict, rates: tuple[float, float]) -> list[dict]:
    """One row a stage, the longest first, and one for the whole."""
    rows = []
    for stage, spent in sorted(stages.seconds.items(), key=lambda each: -each[1]):
        flops, moved = (each[stage] / max(spent, 1e-9) for each in (stages.flops, stages.bytes))
        rows.append(about | {
            "stage": stage, "seconds": round(spent, 3),
            "tflop_per_s": shown(flops / 1e12), "of_products": shown(flops / rates[0]),
            "gb_per_s": shown(moved / 1e9), "of_memory": shown(moved / rates[1]),
        })  # fmt: skip
    whole = {"stage": "all", "seconds": round(seconds, 3), "peak_gib": round(peak / GIB, 2)}
    return [*rows, about | whole]


def shown(rate: float) -> float | str:
    return float(f"{rate:.3g}") if rate else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--solvers", nargs="+", choices=["dense", "sparse"], default=["dense", "sparse"])
    parser.add_argument("--dimension", type=int, default=256, choices=range(1, 257), metavar="1…256")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()

    import torch

    from rdx.compute.devices import check_device, tile_device
    from rdx.errors import InputError

    try:
        check_device(arguments.device)
        device = tile_device(arguments.device, max(arguments.sizes))
    except InputError as error:
        print(f"benchmarks/gpu.py: not measured: {error}", file=sys.stderr)
        return 2
    if device is None:
        print(f"benchmarks/gpu.py: not measured: '{arguments.device}' is no GPU", file=sys.stderr)
        return 2

    from rdx.method.gpu.device_graph import GRAPH_BYTES, RANKS_BYTES

    card = torch.cuda.get_device_properties(device)
    rates = card_rates(device)
    print(f"{card.name}, {card.total_memory / GIB:.0f} GiB; float64 products {rates[0] / 1e12:.1f} TFLOP/s, "
          f"memory {rates[1] / 1e9:.0f} GB/s; torch {torch.__version__}")  # fmt: skip
    rows: list[dict] = []
    for n in arguments.sizes:
        for solver in arguments.solvers:
            if solver == "dense" and (RANKS_BYTES + GRAPH_BYTES) * n * n > 0.9 * card.total_memory:
                continue
            measure(min(n, WARM_UP), arguments.dimension, solver, device, arguments.device)
            about = {"n": n, "d": arguments.dimension, "solver": solver, "card": card.name, "torch": torch.__version__}
            rows += rows_of(*measure(n, arguments.dimension, solver, device, arguments.device), about, rates)
            for row in rows:
                if row["n"] == n and row["solver"] == solver:
                    print("  ".join(f"{k}={v}" for k, v in row.items() if v != "" and k not in ("card", "torch")))
            write(arguments.output, rows)  # a later size may fail: what is measured stays
    return 0


def write(path: Path, rows: list[dict]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
