"""A made comparison with everything an explorer shows: two models that confuse different classes.

Use: `from made_comparison import made_content` (the tests' folder is on the path).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rdx.data.column_kinds import attributes_of
from rdx.data.items import Items, items_from_pixels, items_from_texts, items_without_images
from rdx.explorer.content import Content, Formula, Matrix, Method
from rdx.explorer.maps import pca_maps
from rdx.figures.pair_blocks import pair_blocks
from rdx.method.concepts import DIRECTIONS
from rdx.method.rdx import RDX
from rdx.method.scales.evidence import Evidence
from rdx.metrics.attributes import Attribute
from rdx.metrics.moves import neighbors_moved

N, CLASSES = 150, 5
HOSTILE = ("<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "=cmd|' /C calc'!A0", 'a,"b"\u2028<b>')
LABEL_NAMES = {0: "cat", 1: "dog", 2: "</script><b>bird</b>", 3: "fox", 4: "owl"}


def representations(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (n, 8) and B (n, 6), and labels (n,): A does not tell class 0 from 1, B does not tell 2 from 3."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N) % CLASSES
    seen_a = np.where(labels == 1, 0, labels)
    seen_b = np.where(labels == 3, 2, labels)
    A = rng.normal(size=(N, 8)) + 6 * np.eye(CLASSES, 8)[seen_a]
    B = rng.normal(size=(N, 6)) + 6 * np.eye(CLASSES, 6)[seen_b]
    return A.astype(np.float32), B.astype(np.float32), labels


def made_items(*, images: bool = True, labels: bool = True, texts: bool = False) -> Items:
    """Items of which the first few have names that a careless page would run."""
    found = representations()[2]
    ids = [*HOSTILE, *(f"{LABEL_NAMES[label][:3]}/item_{i:03d}.png" for i, label in enumerate(found))][:N]
    if texts:
        cells = [f"{name} says: {HOSTILE[i % len(HOSTILE)]} {'and more ' * (i % 70)}" for i, name in enumerate(ids)]
        return items_from_texts(ids, found if labels else None, LABEL_NAMES if labels else {}, {"text": cells}, "text")
    if not images:
        return items_without_images(N, ids, found if labels else None, LABEL_NAMES if labels else None)
    pixels = np.random.default_rng(1).integers(0, 255, (N, 12, 12)).astype(np.uint8)
    items = items_from_pixels(pixels, ids, found, LABEL_NAMES)
    cameras, notes = ("Nikon", "</b>Leica") * (N // 2), tuple(f"note {i}" for i in range(N))
    items = replace(items, columns={"camera": cameras, "note": notes})
    return items if labels else replace(items, labels=None, label_names={})


def made_content(
    *, images: bool = True, labels: bool = True, texts: bool = False, version: str = "v1", tested: bool = False,
    none_found: bool = False, n_clusters: int = 2,
) -> Content:
    """A comparison with RDX and KMeans; `none_found`: of A with itself, in which v2 finds nothing."""
    A, B, classes = representations()
    B = A.copy() if none_found else B
    rdx = RDX(n_clusters=n_clusters, version=version, random_state=0, images_per_concept=6).fit(A, B)
    methods = [_method("rdx", rdx, A, B, version, tested), _baseline(A, B)]
    first, second = pca_maps(A, B)
    items = made_items(images=images, labels=labels, texts=texts)
    moved = neighbors_moved(A, B)
    predicted = {"a": np.where(classes == 1, 0, classes), "b": classes} if labels else {}
    return Content(
        titles={"a": "Merged <i>model</i>", "b": "Expert & Co"},
        items=items,
        representations={"a": A, "b": B},
        maps={"tsne": (first[:, ::-1], second[:, ::-1]), "pca": (first, second)},
        methods=methods,
        predictions=predicted,
        near=(moved.near_a, moved.near_b),
        moves={"change": np.linspace(0, 1, N), "more_alone_in_a": np.arange(N) / 50, "more_alone_in_b": np.ones(N)},
        attributes=_attributes(items),
        cka=0.801,
        verdict="difference" if tested else None,
        reason="2 concepts have p < 0.05" if tested else "whether the difference is above chance was not tested",
        facts=[("items", str(N)), ("CKA", "0.801")],
    )


def _method(name: str, estimator: RDX, A: np.ndarray, B: np.ndarray, version: str, tested: bool) -> Method:
    found = {direction: getattr(estimator, f"{direction}_") for direction in DIRECTIONS}
    known = {"q_value": 0.02, "stability": 0.9, "p_random": 0.001}
    rows = {
        direction: [
            {"concept": c.number, "mean_affinity": c.mean_affinity, "bsr": 0.91}
            | (known | {"p_value": 0.01 if c.number == 1 else 0.4} if tested else {})
            for c in one.concepts
        ]
        for direction, one in found.items()
    }
    matrices = {}
    for direction, one in found.items():
        items = np.argsort(np.where(one.labels == 0, 99, one.labels), kind="stable")[:80]
        pair = (A, B) if direction == "a_not_b" else (B, A)
        matrices[direction] = Matrix(items, pair_blocks(*pair, items, version=version).difference)
    formula = Formula(0.1, 5.0, version == "v2", {"a_not_b": ("a", "b"), "b_not_a": ("b", "a")})
    return Method(name, True, found, rows, formula, matrices, [("version", version)], draws=99 if tested else None)


def _attributes(items: Items) -> list[Attribute]:
    """A category from the items' table, and a number that some images lack."""
    if "camera" not in items.columns:
        return []
    brightness = np.where(np.arange(N) < 5, np.nan, np.arange(N) % 7)
    return [*attributes_of("camera", items.columns["camera"]), Attribute("brightness", brightness)]


def _baseline(A: np.ndarray, B: np.ndarray) -> Method:
    import baselines

    fitted = baselines.get("kmeans")(n_clusters=3, images_per_concept=6).fit(A, B)
    found = {direction: getattr(fitted, f"{direction}_") for direction in DIRECTIONS}
    rows = {d: [{"concept": c.number, "bsr": 0.5} for c in one.concepts] for d, one in found.items()}
    return Method("kmeans", False, found, rows)


def with_evidence(method, numbers, ending=None):
    """The method with a scale for each concept: a finding's number by direction and concept, None for chance."""
    found = {}
    for direction, one in method.explanations.items():
        concepts = [
            replace(concept, evidence=Evidence(0.1, 5.0, 3.0 if number else 0.9, 0.025 if number else 0.6, 1, number))
            for concept, number in zip(one.concepts, numbers[direction], strict=True)
        ]
        found[direction] = replace(one, concepts=concepts)
    return replace(method, explanations=found, ending=ending)
