"""The explorer of a comparison: its steps in a run, and the content of its page from a finished run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.experiment.run.context import ALIGNED_VIEW
from rdx.experiment.run.folder import A_TO_B, B_TO_A, RAW, pair_name
from rdx.experiment.run.tables import METHOD_FILE, STATISTICS_FILE, read_explanations, read_table
from rdx.experiment.stages import attributes, kept_inputs, moves, pictures, probes, statistics
from rdx.files import atomic_path, write_text
from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.models.spec import parse_spec

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun
    from rdx.explorer.content import Content, Formula, Matrix, Method, Reference
    from rdx.method.concepts import Explanations

PAGE, TABLE = "explorer.html", "explorer.parquet"
JOINT_MAP = "joint_map.safetensors"
_MATRIX_ITEMS = {True: 360, False: 220}  # of RDX, and of a baseline
FROM_PYTHON = "values from Python"
_OWN = ("scale", "n_clusters")  # of one that finds a scale for each concept: the others are its defaults
_SAID = ("version", "n_clusters", "gamma", "beta", "clustering", "selection", "solver")  # of an RDX run's parameters


def wanted(config: Experiment) -> bool:
    """Whether a run writes explorers: as the configuration says, else where there are figures."""
    return config.figures if config.explorer.enabled is None else config.explorer.enabled


def why_no_joint_map(config: Experiment, n: int) -> str | None:
    """Why there is no joint map of n items; None where there is one."""
    from rdx.explorer.maps import LEAST

    chosen = config.explorer
    if chosen.map == "pca":
        return "The joint map is switched off: explorer.map in the configuration."
    if n < LEAST:
        return f"There is no joint map: it needs {LEAST} items."
    most = chosen.map_items
    return f"There is no joint map: more than {most:,} items (explorer.map_items)." if n > most else None


def outputs(pair: str) -> tuple[str, ...]:
    return f"{pair}/{PAGE}", f"{pair}/{TABLE}"


def settings(config: Experiment, a: str, b: str) -> dict[str, Any]:
    """All that changes the page, but the run's results."""
    from rdx.explorer.page import page_fingerprint

    chosen = config.explorer.model_dump(exclude={"enabled"})
    titles = [config.representations[key].title for key in (a, b)]
    return {**chosen, "titles": titles, "page": page_fingerprint()}


def write_joint_map(context: Context, a: str, b: str) -> None:
    """joint_map.safetensors: tensors "a" and "b" (n, 2), both representations on one plane."""
    from safetensors.numpy import save_file

    from rdx.explorer.maps import joint_maps

    first, second = joint_maps(*context.pair(a, b), context.config.seed, context.config.explorer.map)
    with atomic_path(context.folder.path(f"{pair_name(a, b)}/{JOINT_MAP}")) as temporary:
        save_file({"a": np.ascontiguousarray(first), "b": np.ascontiguousarray(second)}, temporary)


def explore(context: Context, a: str, b: str, runs: Sequence[MethodRun], notes: Sequence[str] = ()) -> None:
    """explorer.html and explorer.parquet of one comparison; `notes` are said on the page."""
    from rdx.explorer.build import explorer_page
    from rdx.explorer.table import write_parquet

    folder = context.folder.path(pair_name(a, b))
    with one_thread_each():  # products for a page are small: threads would wait for each other
        content = content_of(context, a, b, runs, notes)
        write_text(folder / PAGE, explorer_page(content, context.config.explorer.thumbnails_mb))
        write_parquet(content, folder / TABLE)


def content_of(context: Context, a: str, b: str, runs: Sequence[MethodRun], notes: Sequence[str] = ()) -> Content:
    """What the page of a comparison shows, from the run's folder."""
    from rdx.explorer.content import Content

    folder, config = context.folder.path(pair_name(a, b)), context.config
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    without = why_no_joint_map(config, len(context.items))
    views = {"a": context.features(a), "b": context.features(b)}
    if config.alignment:
        views |= {view: context.mapped(a, b, view) for view in (A_TO_B, B_TO_A)}
    return Content(
        titles={"a": context.title(a), "b": context.title(b)},
        items=context.items,
        representations=views,
        maps=_maps(folder, views["a"], views["b"], None if without else config.explorer.map),
        methods=_methods(context, a, b, runs),
        given={side: parse_spec(config.representations[key].model).is_model for side, key in (("a", a), ("b", b))},
        predictions=_predictions(folder, a, b),
        cka=json.loads((folder / "cka.json").read_text(encoding="utf-8"))[RAW],
        attributes=[*attributes.known_marks(context), *attributes.known_attributes(context, a, b)],
        relative=attributes.known_relative(context),
        structure=attributes.known_structure(context),
        **_neighborhoods(folder),
        verdict=summary["verdict"],
        reason=summary["reason"],
        facts=_facts(context, folder, a, b, summary, runs),
        sources=_sources(config, a, b),
        notes=[*notes, *([without] if without else [])],
    )


def _sources(config: Experiment, a: str, b: str) -> list[tuple[str, str]]:
    """Which files and models A and B are; of values that came from Python the file is named by a hash, which says
    nothing."""
    kept = kept_inputs.names(config).values()
    return [
        (side, FROM_PYTHON if key in kept else parse_spec(config.representations[key].model).without_folders())
        for side, key in (("A", a), ("B", b))
    ]


def _neighborhoods(folder: Path) -> dict[str, Any]:
    """Where every item's neighbours are, and how far it moved; nothing in runs of older versions."""
    if not (folder / moves.NEIGHBORS).is_file():
        return {}
    return {"near": moves.read_neighbors(folder), "moves": moves.read_moves(folder)}


def _maps(folder: Path, A: np.ndarray, B: np.ndarray, joint: str | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    from safetensors.numpy import load_file

    from rdx.explorer.maps import pca_maps

    found = {}
    if joint:
        stored = load_file(folder / JOINT_MAP)
        found[joint] = stored["a"], stored["b"]
    return {**found, "pca": pca_maps(A, B)}


def _methods(context: Context, a: str, b: str, runs: Sequence[MethodRun]) -> list[Method]:
    """Every method's concepts and measures; a baseline's matrices are those of the run's first RDX."""
    from rdx.explorer.content import Method
    from rdx.method.neighborhoods import as_points

    folder = context.folder.path(pair_name(a, b))
    first = next((run for run in runs if run.is_rdx), None)
    points = {}  # each pair is put on its exact grid once
    methods = []
    for run in runs:
        found = read_explanations(folder / run.name)
        own = run if run.is_rdx else first
        matrices = {}
        for direction, explanations in found.items():
            view = run.aligned_views().get(direction, RAW)
            if view not in points:
                points[view] = tuple(as_points(X) for X in context.pair(a, b, view))
            blocks = pictures.block_settings(own, explanations) if own else {}
            matrices[direction] = _matrix(points[view], explanations, blocks, _MATRIX_ITEMS[run.is_rdx])
        methods.append(
            Method(
                name=run.name,
                is_rdx=run.is_rdx,
                explanations=found,
                rows=_rows(folder / run.name),
                most=run.parameters.get("n_clusters"),
                ending=_ran(folder / run.name).get("ending"),
                unrelated=_ran(folder / run.name).get("unrelated", False),
                **_tested(context, folder / run.name),
                formula=_formula(run, len(context.items)),
                matrices=matrices,
                settings=_said(run, folder, len(context.items)),
            )
        )
    return methods


def _matrix(points: tuple, found: Explanations, blocks: Mapping[str, Any], most: int) -> Matrix:
    from rdx.explorer.content import Matrix

    chosen = pictures.ordered_by_concept(found.shown_labels, most)
    return Matrix(chosen, pictures.blocks_of(*points, chosen, found.direction, dict(blocks)).difference)


def _rows(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of a method's concepts.csv by direction, with what statistics.csv has besides; empty fields None."""
    table = read_table(folder / "concepts.csv")
    if (folder / STATISTICS_FILE).is_file():
        tested = read_table(folder / STATISTICS_FILE)
        more = [column for column in tested.columns if column not in table.columns]
        table = table.merge(tested[["direction", "concept", *more]], on=["direction", "concept"], how="left")
    result: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records"):
        result.setdefault(row["direction"], []).append({key: _number(value) for key, value in row.items()})
    return result


def _ran(folder: Path) -> dict[str, Any]:
    return json.loads((folder / METHOD_FILE).read_text(encoding="utf-8"))


def _tested(context: Context, folder: Path) -> dict[str, Any]:
    """With how many pairs that differ by noise alone a method's concepts were compared, and with which reference."""
    if not (folder / statistics.SUMMARY_FILE).is_file():
        return {}
    told = statistics.read_summary(folder)
    references = [_reference(context, **pair) for pair in told.get("reference_pairs", ())]  # older versions have none
    return {"draws": told.get("surrogates") or None, "references": references, "margin": told.get("reference_margin")}


def _reference(context: Context, a: str, b: str, common: float, cka: float | None) -> Reference:
    from rdx.explorer.content import Reference

    return Reference((context.title(a), context.title(b)), common, cka)


def _formula(run: MethodRun, n: int) -> Formula | None:
    """What makes an RDX run's difference of two ranks; None where it is not made of ranks alone."""
    from rdx.explorer.content import Formula
    from rdx.method.versions import gamma_for, version_named

    chosen = run.parameters
    if not run.is_rdx or chosen["distance"] != "neighborhood" or chosen["difference"] != "locally_biased":
        return None
    if chosen["normalize_difference"]:
        return None
    pairs = {A_NOT_B: ("a", "b"), B_NOT_A: ("b", "a")}
    if run.aligned:
        pairs = {direction: (own, ALIGNED_VIEW[direction]) for direction, (own, _) in pairs.items()}
    symmetric = version_named(chosen["version"]).symmetric_distances
    return Formula(gamma_for(chosen["gamma"], n), float(chosen["beta"]), symmetric, pairs)


def _said(run: MethodRun, folder: Path, n: int) -> list[tuple[str, str]]:
    """A method's main settings and what it has to say, for the foot of the page."""
    names = (_OWN if run.own_scales(n) else _SAID) if run.is_rdx else ("n_clusters",)
    said = [(name, str(run.parameters[name])) for name in names if name in run.parameters]
    notes = _ran(folder / run.name)["notes"]
    return said + [(direction, note) for direction, here in notes.items() for note in here]


def _predictions(folder: Path, a: str, b: str) -> dict[str, np.ndarray]:
    by_name = probes.read_predictions(folder)
    return {side: by_name[key] for side, key in (("a", a), ("b", b)) if by_name}


def _facts(
    context: Context, folder: Path, a: str, b: str, summary: Mapping[str, Any], runs: Sequence[MethodRun]
) -> list[tuple[str, str]]:
    """What is said of the comparison as a whole."""
    facts = [("items", f"{len(context.items):,}"), ("seed", str(context.config.seed))]
    facts += [(side, context.title(key)) for side, key in (("A", a), ("B", b))]
    if (folder / "classification.csv").is_file():
        accuracy = read_table(folder / "classification.csv").groupby("representation")["accuracy"].mean()
        agreed = read_table(folder / "agreement.csv").groupby("pair")["agreement"].mean()
        facts.append(("linear probes", f"A {accuracy[a]:.1%} right, B {accuracy[b]:.1%}"))
        facts.append(("agreement", f"{agreed[pair_name(a, b)]:.1%} of predictions"))
    own_scales = any(run.own_scales(len(context.items)) for run in runs)  # these have no version of theirs
    facts += [(key, str(summary[key])) for key in ("version", "solver") if summary[key] and not own_scales]
    return facts


def _number(value: Any) -> Any:
    """A field of a table as JSON has it: NaN is no value."""
    if isinstance(value, float) and value != value:
        return None
    return value.item() if isinstance(value, np.generic) else value
