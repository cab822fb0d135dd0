"""The attributes of a run: what every concept's images have in common, in a table and a sentence.

Attributes are the items' labels and their table's columns, the probes' predictions, and what is measured on pixels:
once a run, for all of its comparisons.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import read_explanations, write_table
from rdx.experiment.stages import probes
from rdx.experiment.stages.moves import read_neighbors
from rdx.files import atomic_path, write_json
from rdx.method.concepts import A_NOT_B, DIRECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.data import Items
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun
    from rdx.metrics.attributes import Attribute, Finding
    from rdx.metrics.counterparts import Turned

PIXELS = "pixels.safetensors"  # in the run's folder
TABLE, SENTENCES = "attributes.csv", "attributes.json"
COLUMNS = ("direction", "concept", "attribute", "effect", "inside", "outside", "p_value", "q_value")
MOST_IMAGES = 5_000  # of more images these are measured, evenly drawn
PIXELS_CODE = ("rdx.features.pixels",)
CODE = (__name__, "rdx.data.column_kinds", *PIXELS_CODE)


def outputs(pair: str, run: MethodRun, first: bool) -> tuple[str, ...]:
    """The files of one method; those of the run's first have their table in the comparison's folder too."""
    files = tuple(f"{pair}/{run.name}/{name}" for name in (TABLE, SENTENCES))
    return (*files, f"{pair}/{TABLE}") if first else files


def write_pixels(context: Context) -> None:
    """pixels.safetensors: tensors "items" (m,), "measures" (m, q) float32 and "copies" (m, s, s, 3) uint8, the
    measures' names in the header."""
    from safetensors.numpy import save_file

    from rdx.features.pixels import COLUMNS, measure_images

    n = len(context.items)
    chosen = np.arange(n)
    if n > MOST_IMAGES:
        chosen = np.sort(np.random.default_rng(context.config.seed).permutation(n)[:MOST_IMAGES])
        context.log += [f"pixels: measured on {MOST_IMAGES:,} of {n:,} images"]
    tensors = {"items": chosen} | measure_images(context.items.image, chosen)._asdict()
    with atomic_path(context.folder.path(PIXELS)) as temporary:
        save_file(tensors, temporary, metadata={"rdx": json.dumps(list(COLUMNS))})


def describe(context: Context, a: str, b: str, run: MethodRun, first: bool) -> None:
    """attributes.csv and attributes.json of one method: every test, and a sentence for every concept."""
    from rdx.metrics.attribute_words import named, sentence, surroundings
    from rdx.metrics.attributes import find_common, neighbors_outside, usable

    items, pair = context.items, context.folder.path(pair_name(a, b))
    folder = pair / run.name
    near = read_neighbors(pair)
    reasons: dict[str, str] = {}
    used, why = usable(_attributes(context, pair, (a, b), reasons))
    concepts, around = [], []
    for direction, found in read_explanations(folder).items():
        own, other = near if direction == A_NOT_B else near[::-1]
        for concept in found.concepts:
            concepts.append((direction, concept, neighbors_outside(other, concept.members)))
            around.append(surroundings(concept.members, own, other, items.labels) if concept.size else None)
    groups = [(concept.members, others) for _, concept, others in concepts]
    findings = find_common(used, groups, items.labels, known_relative(context))
    rows = [
        (direction, concept.number, *_row(finding))
        for (direction, concept, _), here in zip(concepts, findings, strict=True)
        for finding in here
    ]
    reasons |= {name: why[name] for name in items.columns if name in why}  # of pixels and probes nobody asks
    said: dict[str, Any] = {**{direction: [] for direction in DIRECTIONS}, "left_out": reasons}
    for (direction, concept, _), here, where in zip(concepts, findings, around, strict=True):
        names = "AB" if direction == A_NOT_B else "BA"
        apart, shared = named(here)
        said[direction].append({
            "concept": concept.number, "size": concept.size, "neighbors": where and asdict(where),
            "apart": [finding.name for finding in apart], "shared": [finding.name for finding in shared],
            "sentence": sentence(concept.size, here, where, *names, items.noun),
        })  # fmt: skip
    write_table(folder / TABLE, COLUMNS, rows)
    if first:
        write_table(pair / TABLE, COLUMNS, rows)
    write_json(folder / SENTENCES, said)


def known_attributes(context: Context, a: str, b: str) -> list[Attribute]:
    """What the items of a comparison are tested on, for those who show it."""
    from rdx.metrics.attributes import usable

    return usable(_attributes(context, context.folder.path(pair_name(a, b)), (a, b), {}))[0]


def known_relative(context: Context) -> list[Turned]:
    """What images have beside one another; nothing in runs without images, and of older versions."""
    from rdx.metrics.counterparts import turned

    copies = known_copies(context)
    return [] if copies is None else turned(*copies, context.items.labels, len(context.items))


def known_marks(context: Context) -> list[Attribute]:
    """What is painted at one place of many images, for those who show it."""
    from rdx.metrics.marks import marks

    copies = known_copies(context)
    return [] if copies is None else marks(*copies, len(context.items))


def known_copies(context: Context) -> tuple[np.ndarray, np.ndarray] | None:
    """The items that were measured (m,), and small copies of their images (m, s, s, 3) uint8."""
    from safetensors import safe_open

    path = context.folder.path(PIXELS)
    if not context.items.has_images or not path.is_file():
        return None
    with safe_open(str(path), framework="numpy") as handle:
        there = set(handle.keys())
        return (handle.get_tensor("items"), handle.get_tensor("copies")) if "copies" in there else None


def known_structure(context: Context) -> tuple[np.ndarray, np.ndarray] | None:
    """How much fine and how much coarse structure every image has (n,), NaN for none; None in runs without."""
    from rdx.features.pixels import COARSE, FINE

    path = context.folder.path(PIXELS)
    found = read_pixels(path, len(context.items)) if context.items.has_images and path.is_file() else {}
    return (found[FINE], found[COARSE]) if FINE in found else None


def read_sentences(folder: Path) -> dict[tuple[str, int], str]:
    """A sentence for every concept of a method, by direction and number, from its folder."""
    told = json.loads((folder / SENTENCES).read_text(encoding="utf-8"))
    return {(d, entry["concept"]): entry["sentence"] for d in DIRECTIONS for entry in told[d]}


def read_pixels(path: Path, n: int) -> dict[str, np.ndarray]:
    """Every measure (n,) float64 by its name, NaN for images that were not measured."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as handle:
        names = json.loads(handle.metadata()["rdx"])
        values = np.full((n, len(names)), np.nan)
        values[handle.get_tensor("items")] = handle.get_tensor("measures")
    return dict(zip(names, values.T, strict=True))


def _row(finding: Finding) -> tuple[str, float, float, float, float, float]:
    return (
        finding.name, finding.effect, finding.inside, finding.outside, finding.p_value, finding.q_value
    )  # fmt: skip


def _attributes(
    context: Context, pair: Path, keys: Sequence[str], reasons: dict[str, str]
) -> Iterator[Attribute]:
    """Everything known of the items; ``reasons`` is told why columns are no attributes."""
    from rdx.data.column_kinds import attributes_of, categories
    from rdx.features.pixels import MEASURES
    from rdx.metrics.attributes import Attribute

    items = context.items
    if items.labels is not None:
        yield categories("label", [items.label_name(i) for i in range(len(items))])
    for name, cells in items.columns.items():
        found = attributes_of(name, cells)
        if isinstance(found, str):
            reasons[name] = found
        else:
            yield from found
    predicted = probes.read_predictions(pair)
    for side, key in zip("ab", keys if predicted else (), strict=False):
        texts = [items.label_names.get(label, str(label)) for label in predicted[key].tolist()]
        yield categories(_own_name(f"prediction_{side}", "probe", items), texts)
    if items.has_images and context.folder.path(PIXELS).is_file():  # runs of older versions have none
        for name, values in read_pixels(context.folder.path(PIXELS), len(items)).items():
            if name in MEASURES:  # structure is none, and an older version had others
                yield Attribute(_own_name(name, "pixels", items), values, None, MEASURES[name])


def _own_name(name: str, what: str, items: Items) -> str:
    """The name of an attribute that is made here, where the items' table may have one of that name."""
    return f"{name} ({what})" if name in items.columns else name
