"""Does a method find what is known to differ, all of it and nothing else?

    python benchmarks/truth.py [--kinds null merge ...] [--methods v1 ...] [--quick] [--largest 1000] [--jobs 2]

Every method sees the pairs of pairs.py and real_pairs.py; truth.csv has the null pairs with `auto` alone, and `auto,
all items` (the dense solver) where more than 1,000 items hold small groups. What a method says stands out is held
against what was planted, by the scores of truth_scores.py; baselines, which test nothing, say it of every concept.
`findings` are concepts; those that are faces of one finding count once in `distinct`. RDX with one scale is tested as a
run does it: 49 noise surrogates, on at most 1,000 items.

One row a pair and method: truth.csv beside this file. Rows that are there already are kept, so a run that was broken
off goes on. A pair has one thread; `--jobs` pairs go side by side.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from pairs import SIZES, Spec, made_pairs
from real_pairs import has_photos, real_pairs
from straightforward import hardware
from truth_scores import Finding, explained, scores

import baselines
from rdx import RDX
from rdx.compute.threads import map_ordered, one_thread_each
from rdx.experiment.stages.statistics import DIFFERENCE, LEVELS, NO_DIFFERENCE
from rdx.method.concepts import DIRECTIONS
from rdx.metrics.neighbors import same_neighbors
from rdx.metrics.refits import Refits
from rdx.metrics.significance import ALPHA, concept_significance, gains_of, nothing_found
from rdx.metrics.surrogates import NoiseSurrogates

COLUMNS = (
    "kind", "pair", "n", "method", "verdict", "right", "concepts", "findings", "distinct", "differences", "false",
    "planted", "found", "recall", "precision", "explained", "smallest_p", "cpu_seconds", "hardware", "versions",
)  # fmt: skip
NUMBERS = ("findings", "distinct", "false", "planted", "found", "recall", "precision", "explained", "cpu_seconds")
FAST = LEVELS["fast"]
QUICK = 1 / 16  # of the draws of each kind


class Answer(NamedTuple):
    """What a method says of a pair; verdict and p are "" where it tests nothing."""

    findings: list[Finding]
    concepts: int
    verdict: str = ""
    smallest_p: float | str = ""
    distinct: int | None = None  # faces of one finding counted once; None: every concept is a finding


def tested(A: np.ndarray, B: np.ndarray, **settings) -> Answer:
    """RDX with noise surrogates, as a run has it at its default level."""
    estimator = RDX(**settings, device="cpu").fit(A, B)
    n = len(A)
    items = np.sort(np.random.default_rng(0).permutation(n)[: FAST.n_items if n > FAST.largest else n])
    labels = {direction: getattr(estimator, f"{direction}_").labels[items] for direction in DIRECTIONS}
    if not any(found.any() for found in labels.values()):
        return Answer([], 0, NO_DIFFERENCE, 1.0)
    refits = Refits(estimator, {"A": A[items], "B": B[items]})
    if same_neighbors(A, B):
        told = nothing_found(refits, labels)
    else:
        one = partial(map_ordered, threads=1)
        told = concept_significance(gains_of(refits, labels), NoiseSurrogates(refits), FAST.n_surrogates, one)
    findings = [
        Finding(direction, concept.members)
        for direction in DIRECTIONS
        for concept, p in zip(getattr(estimator, f"{direction}_").concepts, told.p_value[direction], strict=False)
        if p < ALPHA
    ]
    p_values = np.concatenate([told.p_value[direction] for direction in DIRECTIONS])
    return Answer(findings, len(p_values), DIFFERENCE if findings else NO_DIFFERENCE, round(float(p_values.min()), 4))


def own_scales(A: np.ndarray, B: np.ndarray, solver: str = "auto") -> Answer:
    """RDX with each concept at its own scale, which it tests itself."""
    estimator = RDX(scale="auto", solver=solver, device="cpu").fit(A, B, spread=partial(map_ordered, threads=1))
    concepts = {direction: getattr(estimator, f"{direction}_").concepts for direction in DIRECTIONS}
    tested = [(direction, concept) for direction in DIRECTIONS for concept in concepts[direction]]
    findings = [Finding(direction, concept.members) for direction, concept in tested if concept.evidence.stands_out]
    smallest = min((concept.evidence.p_value for _, concept in tested), default=1.0)
    differ = findings or estimator.peeled_.unrelated
    distinct = len({concept.evidence.finding for _, concept in tested if concept.evidence.stands_out})
    return Answer(findings, len(tested), DIFFERENCE if differ else NO_DIFFERENCE, round(smallest, 4), distinct)


def untested(A: np.ndarray, B: np.ndarray, name: str) -> Answer:
    """A baseline: all its concepts."""
    found = baselines.create(name).fit(A, B)
    concepts = [Finding(d, concept.members) for d in DIRECTIONS for concept in getattr(found, f"{d}_").concepts]
    return Answer(concepts, len(concepts))


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], Answer]] = {
    "v1": partial(tested, version="v1"),
    "v2": partial(tested, version="v2"),
    "v2, gamma auto": partial(tested, version="v2", gamma="auto"),
    "auto": own_scales,
    "auto, all items": partial(own_scales, solver="dense"),
    "kmeans": partial(untested, name="kmeans"),
    "spec": partial(untested, name="spec"),
}


def rows_of(spec: Spec, methods: Iterable[str]) -> list[dict[str, object]]:
    """The pair is made once for all methods."""
    pair, rows = spec.make(), []
    share = explained(pair.A, pair.B, pair.truth)
    versions = " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    for name in methods:
        start = time.process_time()
        with one_thread_each():
            answer = METHODS[name](pair.A, pair.B)
        took = time.process_time() - start
        expected = DIFFERENCE if pair.truth.differences else NO_DIFFERENCE
        rows.append({
            "kind": pair.kind, "pair": pair.name, "n": spec.n, "method": name, "verdict": answer.verdict,
            "right": answer.verdict == expected if answer.verdict else "", "concepts": answer.concepts,
            "distinct": len(answer.findings) if answer.distinct is None else answer.distinct,
            **scores(pair.truth, answer.findings, spec.n), "explained": share, "smallest_p": answer.smallest_p,
            "cpu_seconds": round(took, 2), "hardware": hardware(), "versions": versions,
        })  # fmt: skip
    return rows


def read_rows(path: Path) -> dict[tuple[str, str], dict[str, object]]:
    """The rows of an earlier run, by pair and method."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["pair"], row["method"]): row for row in csv.DictReader(file)}


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def table(rows: Iterable[dict[str, object]]) -> list[str]:
    """A line a kind and method: sums and means over its pairs."""
    kinds: dict[tuple[str, str], list[dict]] = {}
    for row in rows:
        kinds.setdefault((str(row["kind"]), str(row["method"])), []).append(row)
    shape = "{:23} {:>9} {:15} {:>5} {:>10} {:>8} {:>8} {:>7} {:>8} {:>6} {:>9} {:>7}"
    lines = [
        shape.format("kind", "explained", "method", "pairs", "difference", "findings", "distinct", "false", "found",
                     "recall", "precision", "seconds"),
    ]  # fmt: skip
    for (kind, method), group in kinds.items():
        told = {column: [float(row[column]) for row in group if row[column] != ""] for column in NUMBERS}
        total = {column: f"{sum(values):.0f}" if values else "-" for column, values in told.items()}
        mean = {column: f"{np.mean(values):.2f}" if values else "-" for column, values in told.items()}
        verdicts = [row["verdict"] == DIFFERENCE for row in group if row["verdict"]]
        said = f"{sum(verdicts)}/{len(verdicts)}" if verdicts else "-"
        planted = f"{total['found']}/{total['planted']}" if any(told["planted"]) else "-"
        lines.append(
            shape.format(kind, mean["explained"], method, len(group), said, total["findings"], total["distinct"],
                         total["false"], planted, mean["recall"], mean["precision"], mean["cpu_seconds"])
        )  # fmt: skip
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", help="the first words of the kinds wanted")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the draws of each kind")
    parser.add_argument("--largest", type=int, default=max(SIZES), help="leave out pairs of more items")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()
    if not has_photos():
        print("photos are left out: `bash scripts/photos_example.sh` brings them")
    specs = [
        spec for spec in (*real_pairs(), *made_pairs(QUICK if arguments.quick else 1.0))
        if spec.n <= arguments.largest and (not arguments.kinds or spec.kind.startswith(tuple(arguments.kinds)))
    ]  # fmt: skip
    done = read_rows(arguments.output)
    missing = [(spec, [name for name in arguments.methods if (spec.name, name) not in done]) for spec in specs]
    tasks = [joblib.delayed(rows_of)(spec, methods) for spec, methods in missing if methods]
    for number, rows in enumerate(joblib.Parallel(arguments.jobs, return_as="generator_unordered")(tasks), start=1):
        done |= {(row["pair"], row["method"]): row for row in rows}
        write_rows(arguments.output, done.values())
        print(f"{number} of {len(tasks)}: {rows[0]['pair']}", flush=True)
    place = {spec.name: i for i, spec in enumerate((*made_pairs(), *real_pairs()))}
    methods = list(METHODS)
    ordered = sorted(done.values(), key=lambda row: (place.get(row["pair"], len(place)), methods.index(row["method"])))
    write_rows(arguments.output, ordered)
    print("\n".join(table(ordered)))


if __name__ == "__main__":
    main()
