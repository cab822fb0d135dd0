"""Is this build slower than an earlier one? Both run the same work in turn, each in its own checkout and environment.

    git clone . ../before && git -C ../before checkout COMMIT && bash ../before/setup.sh
    python benchmarks/speed.py --before ../before [--rounds 3] [--only "dense 5,000" …] [--output benchmarks/speed.csv]

Each measurement is a process of its own. Of a fit, the seconds are those of `RDX.fit` in both directions on data made
beforehand, after a small fit that compiles what Numba compiles; of a command, those of the whole process, imports
included. Wall and CPU seconds are medians over the rounds, the ratio is that of the wall medians (above 1: this build
is faster). Trained checkpoints are there beforehand; Numba's cache is each checkout's own.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from straightforward import hardware, representations

HERE = Path(__file__).resolve().parents[1]
FITS = {  # name → n, d, solver, version
    "dense 5,000": (5_000, 256, "dense", "v2"),
    "dense 10,000": (10_000, 256, "dense", "v2"),
    "sparse 20,000 v1": (20_000, 64, "sparse", "v1"),
    "sparse 20,000 v2": (20_000, 64, "sparse", "v2"),
}
FIT = """
import json, sys, time
import numpy as np
from rdx import RDX
arrays, small = np.load(sys.argv[1]), 400
n, d, solver, version = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
RDX(solver=solver, version=version).fit(arrays["a"][:small], arrays["b"][:small])
start, cpu = time.perf_counter(), time.process_time()
RDX(solver=solver, version=version).fit(arrays["a"], arrays["b"])
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu]))
"""
COMMANDS = ("quick start", "compare 500 × 32")
COLUMNS = ("what", "before_s", "now_s", "ratio", "before_cpu_s", "now_cpu_s", "rounds", "before", "hardware")


def python_of(checkout: Path) -> str:
    """The checkout's own interpreter, else this one."""
    own = checkout / ".venv/bin/python"
    return str(own) if own.is_file() else sys.executable


def environment(checkout: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(checkout), "RDX_CACHE": str(checkout / "outputs/speed_cache")}


def fit(checkout: Path, what: str, data: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one fit."""
    arguments = [str(value) for value in FITS[what]]
    command = [python_of(checkout), "-c", FIT, str(data), *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment(checkout), capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def command(checkout: Path, what: str, data: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one command, with everything that it starts."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["run", "configs/quickstart/compare.yaml"]
        if what != "quick start":
            arguments = ["compare", "--a", f"features:{data}?key=a", "--b", f"features:{data}?key=b"]
        whole = [python_of(checkout), "-m", "rdx", *arguments, "--output-dir", folder, "--quiet"]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(whole, cwd=checkout, env=environment(checkout), capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.perf_counter() - start, cpu


def measured(what: str, before: Path, rounds: int, folder: Path) -> dict[str, object]:
    """One row: both builds in turn, so that whatever else the machine does falls on both."""
    data = folder / f"{what}.npz"
    n, d = FITS[what][:2] if what in FITS else (500, 32)
    np.savez(data, **dict(zip("ab", representations(n, d), strict=True)))
    measure = fit if what in FITS else command
    times = {checkout: [] for checkout in (before, HERE)}
    for _ in range(rounds):
        for checkout in times:
            times[checkout].append(measure(checkout, what, data))
    data.unlink()
    (old, old_cpu), (new, new_cpu) = (
        [statistics.median(values) for values in zip(*times[checkout], strict=True)] for checkout in (before, HERE)
    )
    return {
        "what": what, "before_s": round(old, 2), "now_s": round(new, 2), "ratio": round(old / new, 2),
        "before_cpu_s": round(old_cpu, 2), "now_cpu_s": round(new_cpu, 2), "rounds": rounds,
        "before": commit_of(before), "hardware": hardware(),
    }  # fmt: skip


def commit_of(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="checkout of the earlier build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*FITS, *COMMANDS], default=[*FITS, *COMMANDS])
    parser.add_argument("--output", type=Path, default=HERE / "benchmarks/speed.csv")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what in arguments.only:
            rows.append(measured(what, arguments.before.resolve(), arguments.rounds, Path(folder)))
            print("  ".join(f"{key}={value}" for key, value in rows[-1].items() if key != "hardware"), flush=True)
            with open(arguments.output, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
