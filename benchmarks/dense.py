"""RDX's exact path against the straightforward pipeline, side by side in one run.

    python benchmarks/dense.py [--sizes 2000 5000] [--repeats 3] [--output benchmarks/dense.csv]

Straightforward: torch.cdist, argsort twice, the paper's difference on full matrices, scikit-learn's
SpectralClustering, in both directions. Every run is a process of its own, in turn, so that its peak
memory is its own and a busy moment of the machine hits both; seconds are those of the comparison
alone, without imports and data. The table gives medians, and the ratio of the two.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

K, GAMMA, BETA, DIMENSION = 5, 0.1, 5.0, 256


def representations(n: int, d: int = DIMENSION) -> tuple[np.ndarray, np.ndarray]:
    """A mixture of ten classes in A; B is a noisy copy in which three pairs of classes are merged."""
    rng = np.random.default_rng(0)
    centres = 1.5 * rng.normal(size=(10, d))
    merged = centres.copy()
    merged[[1, 3, 5]] = merged[[0, 2, 4]]
    label = rng.integers(0, 10, n)
    noise = rng.normal(size=(n, d))
    a = noise + centres[label]
    b = noise + 0.3 * rng.normal(size=noise.shape) + merged[label]
    return a.astype(np.float32), b.astype(np.float32)


def straightforward(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """The pipeline as one would first write it; v1's labels of both directions."""
    import torch
    from sklearn.cluster import SpectralClustering

    ranks = []
    for x in (a, b):
        x = torch.as_tensor(x)
        ranks.append(torch.cdist(x, x).argsort(dim=1).argsort(dim=1).double())
    difference = torch.tanh(GAMMA * (ranks[0] - ranks[1]) / (torch.minimum(*ranks) + 1))
    labels = []
    for signed in (difference, -difference):
        affinity = torch.exp(-BETA * signed).numpy()
        model = SpectralClustering(K + 1, affinity="precomputed", random_state=0)
        labels.append(model.fit_predict((affinity + affinity.T) / 2))
    return labels


def ours(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    from rdx import RDX

    result = RDX(K, version="v1", gamma=GAMMA, beta=BETA).fit(a, b)
    return [result.a_not_b_.labels, result.b_not_a_.labels]


def one_run(which: str, n: int) -> dict:
    """What a child process prints: seconds, peak memory in MB and the labels."""
    a, b = representations(n)
    if which == "rdx":
        importlib.import_module("rdx.method.rdx_paper")  # imports are not what is timed
    else:
        importlib.import_module("torch")
    importlib.import_module("sklearn.cluster")
    start = time.perf_counter()
    labels = {"rdx": ours, "straightforward": straightforward}[which](a, b)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mb": peak, "labels": [part.tolist() for part in labels]}


def child(which: str, n: int) -> dict:
    command = [sys.executable, __file__, "--child", which, "--sizes", str(n)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def hardware() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    return f"{os.cpu_count()} cores, {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--child", choices=["rdx", "straightforward"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(one_run(arguments.child, arguments.sizes[0])))
        return

    from sklearn.metrics import adjusted_rand_score

    import rdx

    rows = []
    for n in arguments.sizes:
        runs = [(child("straightforward", n), child("rdx", n)) for _ in range(arguments.repeats)]
        slow, fast = ([pair[i] for pair in runs] for i in (0, 1))
        seconds = [statistics.median(run["seconds"] for run in part) for part in (slow, fast)]
        memory = [statistics.median(run["peak_mb"] for run in part) for part in (slow, fast)]
        agreement = [adjusted_rand_score(x, y) for x, y in zip(slow[0]["labels"], fast[0]["labels"], strict=True)]
        row = {
            "n": n, "d": DIMENSION, "repeats": arguments.repeats,
            "straightforward_seconds": round(seconds[0], 3), "rdx_seconds": round(seconds[1], 3),
            "times_faster": round(statistics.median(s["seconds"] / f["seconds"] for s, f in runs), 2),
            "straightforward_mb": round(memory[0]), "rdx_mb": round(memory[1]),
            "memory_share": round(memory[1] / memory[0], 3),
            "ari_a_not_b": round(agreement[0], 4), "ari_b_not_a": round(agreement[1], 4),
            "rdx": rdx.__version__, "numpy": np.__version__, "hardware": hardware(),
        }  # fmt: skip
        print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
        rows.append(row)
    with arguments.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
