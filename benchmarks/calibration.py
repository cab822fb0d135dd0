"""Are the p-values right? False alarms where there is no difference, and power where there is one.

    python benchmarks/calibration.py [--parts noise seeds power] [--versions auto v1 v2] [--n 300] [--quick]

* noise: A against A rotated into more dimensions, plus isotropic noise of 1-30 % of its spread. A is a
  Gaussian mixture, handwritten digits as pixels, or the features of a small convnet. Aligned runs too.
* seeds: two seeds of one training, with two other seeds as the reference; and, for the power of that
  test, a net that was never told 3 from 5 against an expert, with two other experts as the reference.
* power: A merges two classes of a mixture that B keeps apart, by a growing share of their distance.

auto is RDX(scale="auto"), each concept at its own scale; v1 and v2 have one scale for all and are tested `fast` as in a
run (49 surrogates; n items are all there are). The convnets are trained on scikit-learn's digits, in a temporary
folder, in a second each. One row a run: calibration.csv and power.csv beside this file, and
results/calibration/calibration.png. About half an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pairs import merged, rotated

from rdx import RDX
from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.alignment import learn_map
from rdx.method.concepts import DIRECTIONS
from rdx.method.scales.noise import with_noise
from rdx.metrics.refits import Refits
from rdx.metrics.significance import ALPHA, concept_significance, gains_of, subsampled_gains
from rdx.metrics.surrogates import NoiseSurrogates, ReferencePairs

HERE = Path(__file__).resolve().parent
FIGURE = HERE.parent / "results" / "calibration" / "calibration.png"
SURROGATES, SUBSAMPLES, MARGIN = 49, 20, 1.5  # the defaults of a run
NOISE_NETS, SEED_NETS = 20, 40  # first seeds of twelve nets each: the margin was chosen on other nets
NOISE, MERGED = (0.01, 0.03, 0.1, 0.2, 0.3), (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
OWN = "auto"
VERSIONS = (OWN, "v1", "v2")
COLUMNS = (
    "part", "data", "version", "aligned", "n", "level", "run", "concepts", "draws", "smallest_p", "found",
    "gain", "null_95",
)  # fmt: skip


class Nets:
    """Features (1797, 64) of small convnets on scikit-learn's digits, trained when they are asked for."""

    def __init__(self, folder: Path) -> None:
        from rdx.config import merged, read_yaml
        from rdx.data import load_items

        self.folder, self.items, self._held = folder, load_items(dataset="digits"), {}
        configs = HERE.parent / "configs" / "quickstart"
        self._settings = {name: read_yaml(configs / f"train_{name}.yaml") for name in ("expert", "m35")}
        self._settings["early"] = {**self._settings["expert"], "epochs": 1}
        self._merged = merged

    def checkpoint(self, kind: str, seed: int) -> Path:
        from rdx.models.training import parse_training, train

        own = {"name": f"{kind}{seed}", "seed": seed, "output_dir": str(self.folder / f"{kind}{seed}")}
        return train(parse_training(self._merged(self._settings[kind], own), source="calibration")).paths[-1]

    def features(self, kind: str, seed: int) -> np.ndarray:
        from rdx.features import load_representation

        if (kind, seed) not in self._held:
            chosen = {"model": f"checkpoint:{self.checkpoint(kind, seed)}", "layer": "layer2"}
            self._held[kind, seed] = load_representation(chosen, self.items, device="cpu").values.astype(np.float64)
        return self._held[kind, seed]


def own_scales(A: np.ndarray, B: np.ndarray, seed: int) -> dict:
    """One run with each concept at its own scale, which tests them itself."""
    estimator = RDX(3, scale="auto", random_state=seed, device="cpu")
    estimator.fit(A, B, spread=partial(map_ordered, threads=1))
    told = [concept.evidence for name in DIRECTIONS for concept in getattr(estimator, f"{name}_").concepts]
    strongest = max((one.score for one in told), default=0.0)
    return {
        "concepts": len(told), "draws": estimator.peeled_.draws,
        "smallest_p": round(min((one.p_value for one in told), default=1.0), 4),
        "found": any(one.stands_out for one in told), "gain": round(strongest, 4), "null_95": "",
    }  # fmt: skip


def tested(A: np.ndarray, B: np.ndarray, version: str, seed: int, *, aligned: bool = False, reference=None) -> dict:
    """One run: fit, surrogates, and what they say; ``reference``: features of two representations."""
    if version == OWN:
        return own_scales(A, B, seed)
    estimator = RDX(3, version=version, random_state=seed, device="cpu")
    features = {"A": A, "B": B}
    if aligned:
        for view, source, target in (("a_to_b", "A", "B"), ("b_to_a", "B", "A")):
            features[view] = learn_map(features[source], features[target], "ridge").apply(features[source])
    one = partial(map_ordered, threads=1)
    with one_thread_each():
        estimator.fit(**features)
        labels = {direction: getattr(estimator, f"{direction}_").labels for direction in DIRECTIONS}
        concepts = sum(int(found.max()) for found in labels.values())
        empty = {"concepts": concepts, "draws": 0, "smallest_p": "", "found": False, "gain": "", "null_95": ""}
        if not concepts:
            return empty
        refits = Refits(estimator, features)
        if reference is None:
            gains, drawn = gains_of(refits, labels), NoiseSurrogates(refits, seed)
        else:
            pair = Refits(estimator, dict(zip("AB", reference, strict=True)))
            gains = subsampled_gains(refits, labels, SUBSAMPLES, seed, one)
            drawn = ReferencePairs([pair], seed, MARGIN)
        told = concept_significance(gains, drawn, SURROGATES, one)
    smallest = min(float(p.min(initial=1.0)) for p in told.p_value.values())
    strongest = max(float(gain.max(initial=0.0)) for gain in gains.values())
    null = max(float(np.quantile(values, 0.95)) for values in told.null.values())
    return {
        "concepts": concepts, "draws": told.draws, "smallest_p": round(smallest, 4), "found": smallest < ALPHA,
        "gain": round(strongest, 4), "null_95": round(null, 4),
    }  # fmt: skip


def noise(n: int, nets: Nets, share: float, versions: Sequence[str]) -> Iterator[dict]:
    """Runs without a structured difference; v2, which mostly finds no concept there, has fewer."""
    from sklearn.datasets import load_digits

    pixels = load_digits().data
    for version, aligned, repeats in ((OWN, False, 9), ("v1", False, 9), ("v2", False, 3), ("v1", True, 2)):
        if version not in versions:
            continue
        for level in NOISE:
            for run in range(max(1, round(share * repeats))):
                for data in ("mixture", "pixels", "convnet"):
                    rng = np.random.default_rng([run, round(1000 * level), len(data), version == "v2", aligned])
                    items = rng.permutation(len(pixels))[:n]
                    A = {
                        "mixture": lambda rng=rng: merged(n, 0.0, rng)[0],
                        "pixels": lambda items=items: pixels[items],
                        "convnet": lambda items=items, run=run: nets.features("expert", NOISE_NETS + run % 12)[items],
                    }[data]()
                    B = with_noise(rotated(A, rng), level, rng)
                    found = tested(A, B, version, run, aligned=aligned)
                    yield {"data": data, "version": version, "aligned": aligned, "level": level, "run": run, **found}


def seeds(n: int, nets: Nets, share: float, versions: Sequence[str]) -> Iterator[dict]:
    """Pairs of pairs of seeds, the four being different nets, on twice as many items."""
    for version, repeats in (("v1", 40), ("v2", 24)):
        if version not in versions:
            continue
        for run in range(max(2, round(share * repeats))):
            rng = np.random.default_rng([run, 77])
            items, four = rng.permutation(1797)[: 2 * n], SEED_NETS + rng.permutation(12)[:4]
            experts = [nets.features("expert", int(seed))[items] for seed in four]
            pairs = [("two seeds", experts[0])]
            if run % 4 == 0:
                pairs.append(("3 and 5 merged", nets.features("m35", SEED_NETS + run // 4 % 10)[items]))
            for data, A in pairs:
                found = tested(A, experts[1], version, run, reference=experts[2:])
                shape = {"data": data, "version": version, "aligned": False, "level": "", "n": 2 * n}
                yield {**shape, "run": run, **found}


def power(n: int, nets: Nets, share: float, versions: Sequence[str]) -> Iterator[dict]:
    """A planted difference of growing size, with noise of 10 % everywhere."""
    for version, repeats in ((OWN, 16), ("v1", 16), ("v2", 8)):
        if version not in versions:
            continue
        for level in MERGED:
            for run in range(max(1, round(share * repeats))):
                rng = np.random.default_rng([run, round(100 * level), 5])
                B, A, *_ = merged(n, level, rng)
                found = tested(A, with_noise(rotated(B, rng), 0.1, rng), version, run)
                yield {"data": "mixture", "version": version, "aligned": False, "level": level, "run": run, **found}


PARTS = {"noise": noise, "seeds": seeds, "power": power}


def draw(rows: list[dict], path: Path) -> None:
    """Left: how often a run without a difference has a p as small; right: how often a difference is found."""
    from rdx.figures.style import BODY, TITLE, concept_color, drawing

    quiet = [row for row in rows if row["part"] == "noise"]
    kinds = {OWN: [r for r in quiet if r["version"] == OWN],
             "v1": [r for r in quiet if r["version"] == "v1" and not r["aligned"]],
             "v2": [r for r in quiet if r["version"] == "v2"],
             "v1, aligned": [r for r in quiet if r["aligned"]],
             "two seeds, against two others": [r for r in rows if r["data"] == "two seeds"]}  # fmt: skip
    with drawing(path, 1500, 660) as figure:
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.07, right=0.98, bottom=0.13, top=0.88, wspace=0.2)
        left.plot([0, 1], [0, 1], color="#767676", linewidth=0.8, linestyle=":")
        left.axvline(ALPHA, color="#767676", linewidth=0.8, linestyle="--")
        for number, (name, runs) in enumerate(kinds.items(), start=1):
            if runs:
                p = np.sort([row["smallest_p"] if row["concepts"] else 1.0 for row in runs])
                share = np.arange(1, len(p) + 1) / len(p)
                left.step([0, *p, 1], [0, *share, 1], where="post", color=concept_color(number),
                          label=f"{name} ({len(p)} runs)")  # fmt: skip
        left.set(xlim=(0, 1), ylim=(0, 1))
        left.set_xlabel("smallest p of a run", fontsize=BODY)
        left.set_ylabel("share of runs", fontsize=BODY)
        left.set_title("No difference: p-values (on or below the dotted line is right)", fontsize=TITLE - 1)
        for number, version in enumerate(VERSIONS, start=1):
            found = {size: [r["found"] for r in rows if r["part"] == "power" and r["version"] == version
                            and r["level"] == size] for size in MERGED}  # fmt: skip
            if all(found.values()):
                right.plot(MERGED, [np.mean(found[size]) for size in MERGED], color=concept_color(number), marker="o",
                           label=f"{version} ({len(found[MERGED[0]])} runs a point)")  # fmt: skip
        right.axhline(ALPHA, color="#767676", linewidth=0.8, linestyle="--")
        right.set(xlim=(-0.02, 1.02), ylim=(0, 1.03))
        right.set_xlabel("share of the distance by which A merges two of six classes", fontsize=BODY)
        right.set_ylabel("runs that find a difference", fontsize=BODY)
        right.set_title("A planted difference: power", fontsize=TITLE - 1)
        note = {"fontsize": BODY - 1, "color": "#767676"}
        left.text(ALPHA + 0.01, 0.5, "p = 0.05", **note)
        right.text(1.0, ALPHA + 0.015, "5 %", ha="right", **note)
        for axes, place in ((left, "upper left"), (right, "center right")):
            axes.tick_params(labelsize=BODY)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=BODY, frameon=False, loc=place)


def read_rows(path: Path) -> list[dict]:
    """The rows of an earlier run, numbers as numbers."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row |= {key: row[key] == "True" for key in ("aligned", "found")}
        row |= {key: float(row[key]) if row[key] else "" for key in ("level", "smallest_p", "gain", "null_95")}
        row["concepts"] = int(row["concepts"])
    return rows


def report(rows: list[dict]) -> None:
    """One line a kind of run: how many of how many found something."""
    kinds: dict[tuple, list[dict]] = {}
    for row in rows:
        shown = row["level"] if row["part"] == "power" else ""
        kinds.setdefault((row["part"], row["data"], row["version"], row["aligned"], shown), []).append(row)
    for kind, runs in kinds.items():
        print(*kind, f"{sum(row['found'] for row in runs)} of {len(runs)}", sep="  ")
    noise_runs = [row["found"] for row in rows if row["part"] == "noise"]
    if noise_runs:
        print(f"false alarms without a difference: {sum(noise_runs)} of {len(noise_runs)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--versions", nargs="*", choices=VERSIONS, default=list(VERSIONS))
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="a twelfth of the runs")
    parser.add_argument("--output-dir", type=Path, default=HERE)
    arguments = parser.parse_args()
    files = {"calibration.csv": ("noise", "seeds"), "power.csv": ("power",)}
    rows = [row for name in files for row in read_rows(arguments.output_dir / name)]
    rows = [row for row in rows if row["part"] not in arguments.parts or row["version"] not in arguments.versions]
    with tempfile.TemporaryDirectory() as folder:
        nets = Nets(Path(folder))
        for part in arguments.parts:
            for row in PARTS[part](arguments.n, nets, 1 / 12 if arguments.quick else 1.0, arguments.versions):
                rows.append({"part": part, "n": arguments.n, **row})
                print(*rows[-1].values(), sep="  ", flush=True)
    for name, parts in files.items():
        with (arguments.output_dir / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if row["part"] in parts)
    draw(rows, FIGURE if arguments.output_dir == HERE else arguments.output_dir / FIGURE.name)
    report(rows)


if __name__ == "__main__":
    main()
