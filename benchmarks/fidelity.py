"""Does the sparse path find what the exact one finds? On real features and on a mixture, where that result is stable.

    python benchmarks/fidelity.py [--sizes 4000 8000] [--data nets pixels mixture] [--output benchmarks/fidelity.csv]

* nets: a convnet that was never told 3 from 5 against an expert, on MNIST digits (`bash download_mnist.sh`,
  `bash scripts/train_mnist_models.sh mnist_m35 mnist_expert`);
* pixels: the digits' pixels against the expert;
* mixture: ten Gaussian classes against the same with three pairs of them merged.

One row a direction. `stable` is the adjusted Rand index of the exact labels of two random 80 % subsamples on the items
that both have: below 0.9 the exact result is not stable itself, and nothing can be asked of a sample. `ari` is that of
the sparse labels with the exact ones; concepts are matched one to one by their members, `jaccard` is the worst match,
`affinity` the largest relative difference of matched concepts' mean affinities.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from straightforward import hardware, representations

from rdx import RDX
from rdx.method.concepts import DIRECTIONS, Explanations

SHARE = 0.8
CONCEPTS = {"nets": 3, "pixels": 3, "mixture": 5}
CHECKPOINTS = Path(__file__).resolve().parents[1] / "checkpoints"


def digits(n: int):
    """The first n of MNIST's digits in a fixed random order."""
    from rdx.data import load_items

    items = load_items(dataset="mnist_10k")
    return items.subset(np.sort(np.random.default_rng(0).permutation(len(items))[:n]))


def net(name: str, n: int) -> np.ndarray:
    from rdx.features import load_representation

    chosen = {"model": f"checkpoint:{CHECKPOINTS / name}/last.safetensors", "layer": "layer2", "pool": "mean"}
    return load_representation(chosen, digits(n), device="cpu").values


def pixels(n: int) -> np.ndarray:
    items = digits(n)
    return np.stack([np.asarray(items.image(i).convert("L"), dtype=np.float32).ravel() for i in range(n)])


DATA: dict[str, Callable[[int], tuple[np.ndarray, np.ndarray]]] = {
    "nets": lambda n: (net("mnist_m35", n), net("mnist_expert", n)),
    "pixels": lambda n: (pixels(n), net("mnist_expert", n)),
    "mixture": lambda n: representations(n, 64),
}


def matched(found: Explanations, exact: Explanations) -> tuple[float, float]:
    """The worst Jaccard index of concepts matched one to one, and the largest relative difference of mean affinities.

    0 and NaN where one path has more concepts than the other.
    """
    if len(found.concepts) != len(exact.concepts) or not exact.concepts:
        return 0.0, float("nan")
    overlap = np.array([
        [len(np.intersect1d(one.members, other.members)) / len(np.union1d(one.members, other.members))
         for other in exact.concepts] for one in found.concepts
    ])  # fmt: skip
    rows, columns = linear_sum_assignment(-overlap)
    change = [
        abs(found.concepts[i].mean_affinity / exact.concepts[j].mean_affinity - 1)
        for i, j in zip(rows, columns, strict=True)
    ]
    return float(overlap[rows, columns].min()), max(change)


def rows_of(data: str, n: int, a: np.ndarray, b: np.ndarray) -> list[dict]:
    rng, rows = np.random.default_rng(1), []
    parts = [np.sort(rng.permutation(n)[: int(SHARE * n)]) for _ in range(2)]
    _, *common = np.intersect1d(*parts, return_indices=True)
    for version, gamma in itertools.product(("v1", "v2"), (0.05, 0.1)):
        settings = {"n_clusters": CONCEPTS[data], "version": version, "gamma": gamma, "device": "cpu"}
        exact, sparse = (RDX(**settings, solver=solver).fit(a, b) for solver in ("dense", "sparse"))
        fewer = [RDX(**settings, solver="dense").fit(a[part], b[part]) for part in parts]
        for direction in DIRECTIONS:
            one, other = getattr(sparse, f"{direction}_"), getattr(exact, f"{direction}_")
            labels = [getattr(each, f"{direction}_").labels[where] for each, where in zip(fewer, common, strict=True)]
            jaccard, change = matched(one, other)
            rows.append({
                "data": data, "n": n, "d_a": a.shape[1], "d_b": b.shape[1], "version": version, "gamma": gamma,
                "direction": direction, "concepts": len(other.concepts),
                "stable": round(adjusted_rand_score(*labels), 3),
                "ari": round(adjusted_rand_score(one.labels, other.labels), 3),
                "jaccard": round(jaccard, 3), "affinity": round(change, 4), "hardware": hardware(),
            })  # fmt: skip
            print("  ".join(f"{key}={value}" for key, value in rows[-1].items() if key != "hardware"), flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[4000, 8000])
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    rows: list[dict] = []
    for data, n in itertools.product(arguments.data, arguments.sizes):
        rows += rows_of(data, n, *DATA[data](n))
        with arguments.output.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    stable = [row for row in rows if row["stable"] >= 0.9]
    good = [row for row in stable if row["ari"] >= 0.9 and row["jaccard"] >= 0.8 and row["affinity"] <= 0.05]
    print(f"{len(stable)} of {len(rows)} rows are stable; in {len(good)} of these the sparse path agrees "
          f"(ARI >= 0.9, Jaccard >= 0.8, affinities within 5 %)")  # fmt: skip


if __name__ == "__main__":
    main()
