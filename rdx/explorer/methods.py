"""What a page is given of one method: its concepts in the order in which they are shown, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdx.explorer.agreement import concentration, explained_change
from rdx.explorer.arrays import ArrayBlock, as_bytes, smallest_unsigned
from rdx.explorer.beside import Beside, beside_reference, beyond
from rdx.explorer.causes import shared_cause
from rdx.explorer.common import Common, commons
from rdx.explorer.content import A, B, Content, Method, other_side, own_side
from rdx.explorer.findings import Finding, finding_of
from rdx.explorer.halves import Halves, dividing, halves
from rdx.explorer.hues import hues
from rdx.explorer.joined import Cause, beside_cause
from rdx.explorer.lying import lying
from rdx.explorer.neighbors import typical_rank
from rdx.explorer.size import SMALL, Size, size_of
from rdx.explorer.standing import OUT, Standing, findings, standings
from rdx.explorer.story import story_of, unnamed_text
from rdx.explorer.turned_pairs import pairs_of
from rdx.explorer.whereabouts import Where, Whereabouts, coming, held, held_words, whereabouts_of
from rdx.figures import style
from rdx.method.concepts import Concept
from rdx.method.neighborhoods import Points
from rdx.method.scales.explained import BETAS
from rdx.metrics.attribute_words import UNEXPLAINED, percent
from rdx.metrics.attributes import Finding as Tested
from rdx.metrics.finding_counts import is_minor

_COLUMNS = ("direction", "concept", "size", "is_null", "further")  # of a concept's row, which say what it is
_MEASURES = (
    "mean_affinity", "bsr", "p_random", "p_value", "q_value", "stability", "gain", "gamma", "score", "effect", "round",
    "finding", "p_reference",
)  # fmt: skip


def method_payload(
    content: Content, number: int, method: Method, views: Mapping[str, Points], agreement: Mapping[str, Any],
    cause: Cause | None, block: ArrayBlock,
) -> dict[str, Any]:  # fmt: skip
    """The method's JSON object; its arrays are added to the block. ``agreement``, ``cause``: see agreement_payload and
    cause_of."""
    where, common = whereabouts_of(content, method, views), commons(content, method)
    standing = standings(method)
    divided = _divided(content, method, standing, views)
    how = _held(content, method, where, divided)
    found = [finding_of(content, method, faces, views, common, how) for faces in findings(standing)]
    out = [by for by in standing if by.word == OUT]
    groups = [_members(method, one) for one in out]
    denser = concentration(views, groups) if out else None
    size = size_of(agreement, denser, content.items.noun, bool(method.references))
    outstanding = [one for one in found if one.faces[0].word == OUT]
    beside = beside_reference(method, agreement, outstanding)
    apart = _apart(common, divided)
    main = [one for one in outstanding if not is_minor(one.cautions)] or outstanding
    shared = shared_cause([one.faces for one in main], apart)
    keys = [(one.direction, one.number) for one in out]
    named = any(apart.get(key) or (key in common and common[key].explains) for key in keys)
    explained = shared or any(one.of_labels for one in outstanding)
    tells = agreement["tells"] or (None if explained else agreement["keeps"])  # labels mix for any cause
    unnamed = None if named or tells else unnamed_text(agreement["unseen"], size)
    story = story_of(content, method, standing, found, size, tells, beside, shared, unnamed)
    directions, colors = {}, hues(standing, len(style.CONCEPT_COLORS))
    for direction, explanations in method.explanations.items():
        name = f"{number}.{direction}"
        block.add(f"concept.{name}", smallest_unsigned(explanations.labels))
        if explanations.item_affinity is not None:
            block.add(f"affinity.{name}", np.asarray(explanations.item_affinity, dtype=np.float32))
        by_number = {concept.number: concept for concept in explanations.concepts}
        here = [one for one in standing if one.direction == direction]
        directions[direction] = {
            "concepts": [
                _concept(content, method, one, by_number[one.number], views, divided, colors,
                         common.get((direction, one.number)), where.get((direction, one.number)),
                         how.get((direction, one.number)), cause)
                for one in here
            ],
            "nullSize": explanations.null_size,
            "matrix": _matrix(method, direction, name, block),
        }
    formula = method.formula
    return {
        "name": method.name,
        "isRdx": method.is_rdx,
        "story": {
            "kind": story.kind, "care": _with_care(size, beside), "badge": story.badge,
            "headline": story.headline, "count": story.count, "opens": _face(story.opens),
        },
        "draws": method.draws,
        "findings": [_finding(content, one) for one in found],
        "explained": explained_change(views, groups) if out else None,
        "directions": directions,
        "settings": [list(pair) for pair in method.settings],
        "formula": formula
        and {
            "gamma": formula.gamma,
            "beta": formula.beta,
            "symmetric": formula.symmetric,
            "pairs": {direction: list(pair) for direction, pair in formula.pairs.items()},
        },
    }  # fmt: skip


def _apart(common: Mapping[tuple[str, int], Common], divided: Mapping) -> dict[tuple[str, int], list[Tested]]:
    """What sets each concept's items apart from others, or its halves from each other."""
    found = {key: list(one.apart) for key, one in common.items()}
    for key, (*_, by) in divided.items():
        found[key] = [*found.get(key, ()), *by]
    return found


def _with_care(size: Size | None, beside: Beside | None) -> bool:
    """Whether a difference that stands out is to be read with care."""
    return bool(size and (size.spread or size.word == SMALL)) or bool(beside and beside.beyond == 0)


def _divided(
    content: Content, method: Method, standing: Sequence[Standing], views: Mapping[str, Points]
) -> dict[tuple[str, int], tuple[Halves | None, str, Sequence[Tested]]]:
    """Every concept as the other model divides it, and what it goes by, in words and as tests; of baselines, which ask
    nothing of the other model, none."""
    if not method.is_rdx:
        return {}
    sides = [(own_side(one.direction), other_side(one.direction)) for one in standing]
    found = [
        halves(views[own], views[other], _members(method, one))
        for one, (own, other) in zip(standing, sides, strict=True)
    ]
    out = [part if one.word == OUT else None for one, part in zip(standing, found, strict=True)]
    known = [one for one in content.attributes if not one.name.startswith("prediction_")]
    told = dividing(out, known, content.relative)
    result = {}
    for one, part, divided, (own, other) in zip(standing, found, told, sides, strict=True):
        text = ""
        if divided.parts:
            first, second = (len(members) for members in part.members)
            which = f"The {first:,}" if first > second else "One half"
            text = (
                f"{other.upper()} divides them into {first:,} and {second:,}: {percent(part.mixed_other)} of the "
                f"nearest fellow members are of the other half there, {percent(part.mixed_own)} in {own.upper()}. "
                f"{which}: {'; '.join(divided.parts)}."
            )
        result[one.direction, one.number] = part, text, divided.by
    return result


def every_label(content: Content) -> np.ndarray:
    """All labels that occur, as items' own or predicted, ascending: the page counts positions in that list."""
    return np.unique(np.concatenate([content.items.labels, *content.predictions.values()]))


def added_columns(content: Content) -> list[str]:
    """Columns of concepts.csv that the page has no words of its own for."""
    rows = (row for method in content.methods for found in method.rows.values() for row in found)
    return [key for key in dict.fromkeys(key for row in rows for key in row) if key not in (*_COLUMNS, *_MEASURES)]


def _concept(
    content: Content, method: Method, one: Standing, concept: Concept, views: Mapping[str, Points], divided: Mapping,
    colors: Mapping, common: Common | None, where: Mapping[str, Whereabouts] | None,
    how: str | None, cause: Cause | None,
) -> dict[str, Any]:  # fmt: skip
    part, told, by = divided.get((one.direction, one.number), (None, "", ()))
    row = next((row for row in method.rows.get(one.direction, ()) if row["concept"] == concept.number), {})
    own = own_side(one.direction)
    shares = common and common.shares
    if cause and one.word == OUT and shares == UNEXPLAINED:
        shares = beside_cause(cause, own, concept.members, np.unique(concept.indices)) or shares
    return {
        "number": concept.number,
        "size": concept.size,
        "standing": one.word,
        "further": bool(concept.evidence and concept.evidence.further),
        "cautions": list(one.cautions),
        "beyond": beyond(method, one),
        "color": colors[one.direction, concept.number],
        "shares": shares,
        "besides": common.shown if common and not cause else None,  # beside what the headline names it leads astray
        "grid": concept.indices.tolist(),
        "typical": {side: typical_rank(views[side], concept.indices) for side in (A, B)},
        "lies": {
            kind: {side: list(lying(plane, concept.members)) for side, plane in zip((A, B), planes, strict=True)}
            for kind, planes in content.maps.items()
        },
        "held": held_words(how, own, other_side(one.direction)) if how else f"In {own.upper()}",
        "where": where and _where(content, one, where),
        "beta": concept.evidence and BETAS[concept.evidence.gamma],
        "halves": _halves(content, one, part),
        "turned": pairs_of(content, concept.members, common.apart if common else (), part, by),
        "divided": told,
        **{key: row.get(key) for key in (*_MEASURES, *added_columns(content))},
    }


def _held(content: Content, method: Method, where: Where, divided: Mapping) -> dict[tuple[str, int], str]:
    """What `held` says of every concept of two items or more; of a baseline's nothing."""
    sizes = {(d, one.number): one.size for d, found in method.explanations.items() for one in found.concepts}
    result = {}
    for (direction, number), found in where.items():
        own, other = (found[side(direction)].inside for side in (own_side, other_side))
        part, *_ = divided.get((direction, number), (None,))
        split = part is not None and part.are_groups(other)
        result[direction, number] = held(own, other, sizes[direction, number] / content.n, split)
    return result


def _where(content: Content, one: Standing, found: Mapping[str, Whereabouts]) -> dict[str, Any]:
    come = coming(found[other_side(one.direction)], found[own_side(one.direction)])
    codes = np.searchsorted(every_label(content), [label for label, *_ in come]).tolist() if come else []
    return {
        **{side: {"inside": where.inside, "rank": where.rank} for side, where in found.items()},
        "come": [[code, *shares] for code, (_, *shares) in zip(codes, come, strict=True)],
    }


def _halves(content: Content, one: Standing, found: Halves | None) -> dict[str, Any] | None:
    own, other = own_side(one.direction), other_side(one.direction)
    if found is None or not found.told:
        return None
    labels = content.items.labels
    every = None if labels is None else every_label(content)

    def parts(members: np.ndarray) -> list:
        if labels is None:
            return []
        values, counts = np.unique(labels[members], return_counts=True)
        largest = np.argsort(-counts, kind="stable")[:2]
        return [[int(np.searchsorted(every, values[i])), float(counts[i] / len(members))] for i in largest]

    return {
        "mixed": {own: found.mixed_own, other: found.mixed_other},
        "halves": [
            {"size": len(members), "items": shown.tolist(), "labels": parts(members)}
            for members, shown in zip(found.members, found.shown, strict=True)
        ],
    }


def _finding(content: Content, finding: Finding) -> dict[str, Any]:
    table = finding.table
    return {
        "sentence": finding.sentence,
        "minor": is_minor(finding.cautions),
        "faces": [_face(face) for face in finding.faces],
        "table": table
        and {
            "labels": np.searchsorted(every_label(content), table.labels).tolist(),
            "ranks": {side: _numbers(ranks) for side, ranks in table.ranks.items()},
        },
    }


def _numbers(ranks: np.ndarray) -> list[list[float | None]]:
    """Not rounded: the page rounds all numbers alike."""
    return [[None if np.isnan(rank) else float(rank) for rank in row] for row in ranks]


def _members(method: Method, one: Standing) -> np.ndarray:
    return next(c for c in method.explanations[one.direction].concepts if c.number == one.number).members


def _face(one: Standing | None) -> list | None:
    return None if one is None else [one.direction, one.number]


def _matrix(method: Method, direction: str, name: str, block: ArrayBlock) -> dict[str, Any] | None:
    matrix = method.matrices.get(direction)
    if matrix is None:
        return None
    largest = float(np.abs(matrix.difference).max()) or 1.0
    block.add(f"matrix.{name}.items", matrix.items.astype(np.uint32))
    block.add(f"matrix.{name}", as_bytes(matrix.difference, largest))
    return {"size": len(matrix.items), "largest": largest}
