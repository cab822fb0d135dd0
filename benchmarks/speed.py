"""Is this build slower than an earlier one? Both do the same work in turn, each in its own checkout and environment.

    git clone . ../before && git -C ../before checkout COMMIT && bash ../before/setup.sh
    python benchmarks/speed.py --before ../before [--repeats 3] [--rows "fit 1,000" …] [--output benchmarks/speed.csv]

Each measurement is a process of its own. Of a piece of work, the seconds are those of the work alone, on data made
beforehand and after the same work on few items, which compiles what Numba compiles; of a command, those of the whole
process, imports included. Wall and CPU seconds are medians over the repeats, the ratios are those of the medians (above
1: this build is faster). Trained checkpoints are there beforehand; what Numba and Python compile is each checkout's
own, and kept. Work that one of the builds can't do has no seconds there. --list names all rows.
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
# Python that defines prepare(a, b) → a function without arguments: what is timed.
FIT = """
from rdx import RDX
prepare = lambda a, b: lambda: RDX({settings}).fit(a, b)
"""
SURROGATE = """
from rdx import RDX
from rdx.metrics.refits import Refits
from rdx.metrics.surrogates import NoiseSurrogates
def prepare(a, b):
    surrogates = NoiseSurrogates(Refits(RDX(version="{version}"), {{"A": a, "B": b}}))
    surrogates.draw(0)  # the ranks of A and B themselves are computed once for all draws
    return lambda: surrogates.draw(1)
"""
NOISE_DRAW = """
from rdx.method.scales import chance
from rdx.method.scales.weights import Weights
def prepare(a, b):
    weights = Weights({"A": a, "B": b})
    levels = chance.noise_levels(weights, 0)
    return lambda: chance._draw(0, weights, levels, 0)
"""
KMEANS = """
try:
    from rdx.method.numerics.kmeans import kmeans
except ImportError:  # builds before it
    from rdx.method.spectral import cluster_embedding as kmeans
prepare = lambda a, b: lambda: kmeans(a.astype(float), 6)
"""
EIGENVECTORS = """
from rdx import RDX
from rdx.method.spectral import spectral_embedding
def prepare(a, b):
    graph = RDX(keep_matrices=True).fit(a, b).a_not_b_.affinity
    return lambda: spectral_embedding(graph, 6)
"""
RANKS = """
from rdx.method.neighborhoods import as_points, neighborhood_ranks
def prepare(a, b):
    points = as_points(a)
    return lambda: neighborhood_ranks(points)
"""
MAPS = """
from rdx.explorer.maps import joint_maps
prepare = lambda a, b: lambda: joint_maps(a, b, 0)
"""
WORK = {  # name → items, features, code
    **{f"fit {n:,}": (n, 64, FIT.format(settings='solver="dense"')) for n in (300, 1_000, 2_000)},
    **{f"dense {n:,}": (n, 256, FIT.format(settings='solver="dense"')) for n in (5_000, 10_000)},
    **{
        f"sparse {n:,} {version}": (n, 64, FIT.format(settings=f'solver="sparse", version="{version}"'))
        for n in (20_000, 70_000) for version in ("v1", "v2")
    },
    **{f"surrogate draw 1,000 {version}": (1_000, 64, SURROGATE.format(version=version)) for version in ("v1", "v2")},
    **{f"noise draw {n:,}, scale auto": (n, 16, NOISE_DRAW) for n in (400, 800)},
    "k-means 1,000": (1_000, 6, KMEANS),
    "eigenvectors 1,000": (1_000, 64, EIGENVECTORS),
    **{f"ranks {n:,}": (n, 64, RANKS) for n in (1_000, 5_000, 20_000)},
    **{f"joint map {n:,}": (n, 32, MAPS) for n in (500, 5_000)},
}  # fmt: skip
TIMED = """
import json, sys, time
import numpy as np
arrays = np.load(sys.argv[1])
{code}
prepare(arrays["a"][:250], arrays["b"][:250])()
work = prepare(arrays["a"], arrays["b"])
start, cpu = time.perf_counter(), time.process_time()
work()
print(json.dumps([time.perf_counter() - start, time.process_time() - cpu]))
"""
PAIR = ["--a", "features:{data}?key=a", "--b", "features:{data}?key=b"]
COMMANDS = {  # name → what follows `python`; 500 items of 32 features are in {data}
    "quick start": ["-m", "rdx", "run", "configs/quickstart/compare.yaml", "--output-dir", "{folder}", "--quiet"],
    "compare 500 × 32": ["-m", "rdx", "compare", *PAIR, "--output-dir", "{folder}", "--quiet"],
    "compare 500 × 32, scale auto":
        ["-m", "rdx", "compare", *PAIR, "--scale", "auto", "--output-dir", "{folder}", "--quiet"],
    "import rdx": ["-c", "import rdx"],
    "rdx --help": ["-m", "rdx", "--help"],
    "rdx run --dry-run": ["-m", "rdx", "run", "configs/quickstart/compare.yaml", "--dry-run"],
}  # fmt: skip
ROWS = (*WORK, *COMMANDS)
TRAINED = "checkpoints/quickstart_m35/last.safetensors"  # what the quick start's rows need in both checkouts
COLUMNS = (
    "what", "before_s", "now_s", "ratio", "before_cpu_s", "now_cpu_s", "cpu_ratio", "repeats", "before", "hardware",
)  # fmt: skip


def python_of(checkout: Path) -> str:
    """The checkout's own interpreter, else this one."""
    own = checkout / ".venv/bin/python"
    return str(own) if own.is_file() else sys.executable


def environment(checkout: Path) -> dict[str, str]:
    own = {"PYTHONPATH": str(checkout), "RDX_CACHE": str(checkout / "outputs/speed_cache")}
    return os.environ | own | {"PYTHONDONTWRITEBYTECODE": ""}  # a checkout is compiled once, as an installation is


def work(checkout: Path, what: str, data: Path) -> list[float]:
    """Wall and CPU seconds of one piece of work."""
    arguments = ["-c", TIMED.format(code=WORK[what][2]), str(data)]
    return json.loads(carried_out(checkout, arguments).splitlines()[-1])


def command(checkout: Path, what: str, data: Path) -> list[float]:
    """Wall and CPU seconds of one command, with everything that it starts."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [part.format(data=data, folder=folder) for part in COMMANDS[what]]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        carried_out(checkout, arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return [time.perf_counter() - start, cpu]


def carried_out(checkout: Path, arguments: list[str]) -> str:
    """What a checkout's Python prints."""
    whole = [python_of(checkout), *arguments]
    done = subprocess.run(whole, cwd=checkout, env=environment(checkout), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{checkout}: {(done.stderr.strip() or 'it failed').splitlines()[-1]}")
    return done.stdout


def measured(what: str, before: Path, repeats: int, folder: Path) -> dict[str, object]:
    """One row: both builds in turn, so that whatever else the machine does falls on both."""
    data = folder / "pair.npz"
    n, d = WORK[what][:2] if what in WORK else (500, 32)
    np.savez(data, **dict(zip("ab", representations(n, d), strict=True)))
    measure = work if what in WORK else command
    times: dict[Path, list[list[float]]] = {before: [], HERE: []}
    for _ in range(repeats):
        for checkout in times:
            try:
                times[checkout].append(measure(checkout, what, data))
            except RuntimeError as error:
                print(f"{what}: {error}", file=sys.stderr)
    medians = [[statistics.median(values) for values in zip(*times[checkout], strict=True)] for checkout in times]
    (old, old_cpu), (new, new_cpu) = (median or [float("nan")] * 2 for median in medians)
    return {
        "what": what, "before_s": round(old, 3), "now_s": round(new, 3), "ratio": round(old / new, 2),
        "before_cpu_s": round(old_cpu, 3), "now_cpu_s": round(new_cpu, 3), "cpu_ratio": round(old_cpu / new_cpu, 2),
        "repeats": repeats, "before": commit_of(before), "hardware": hardware(),
    }  # fmt: skip


def commit_of(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="checkout of the earlier build")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW")
    parser.add_argument("--list", action="store_true", help="name all rows")
    parser.add_argument("--output", type=Path, default=HERE / "benchmarks/speed.csv")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(ROWS))
        return
    if arguments.before is None:
        parser.error("--before names the checkout of an earlier build")
    for checkout in (arguments.before, HERE):
        if {"quick start", "rdx run --dry-run"} & {*arguments.rows} and not (checkout / TRAINED).is_file():
            parser.error(f"{checkout} has no {TRAINED}: run `bash scripts/quickstart.sh` there first")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for what in arguments.rows:
            rows.append(measured(what, arguments.before.resolve(), arguments.repeats, Path(folder)))
            print("  ".join(f"{key}={value}" for key, value in rows[-1].items() if key != "hardware"), flush=True)
            with open(arguments.output, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)


if __name__ == "__main__":
    main()
