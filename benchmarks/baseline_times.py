"""How long every baseline takes with the paper's settings, one process each.

    python benchmarks/baseline_times.py [--methods kmeans cnmf] [--output benchmarks/baseline_times.csv]

n = 5,000 items, d = 64 non-negative features, k = 3 concepts, both representations together; seconds
are those of the fit alone, without imports. USAE at its 2,000 epochs takes minutes.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from straightforward import hardware  # beside this one

N, D, K = 5000, 64, 3


def representations() -> tuple[np.ndarray, np.ndarray]:
    """Rectified mixtures of ten classes; B is a noisy copy in which three pairs of classes are merged."""
    rng = np.random.default_rng(0)
    centres = 2.0 * rng.normal(size=(10, D))
    merged = centres.copy()
    merged[[1, 3, 5]] = merged[[0, 2, 4]]
    label = rng.integers(0, 10, N)
    noise = rng.normal(size=(N, D))
    pair = noise + centres[label], noise + 0.3 * rng.normal(size=noise.shape) + merged[label]
    return tuple(np.maximum(x, 0).astype(np.float32) for x in pair)


def one_run(name: str) -> dict:
    import baselines

    method = baselines.create(name, n_clusters=K, random_state=42)
    pair = representations()
    start = time.perf_counter()
    method.fit(*pair)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"method": name, "seconds": round(seconds, 2), "peak_mb": round(peak)}


def main() -> None:
    import baselines

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=baselines.names())
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(one_run(arguments.child)))
        return
    rows = []
    for name in arguments.methods:
        command = [sys.executable, __file__, "--child", name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows.append({**json.loads(done.stdout), "n": N, "d": D, "k": K, "hardware": hardware()})
        print(rows[-1], flush=True)
    with arguments.output.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
