"""Of more than 1,000 items some are looked at, and the others join what is found: here of more than 150."""

from __future__ import annotations

import numpy as np
import pytest
from made_groups import SIZE, N, groups
from numpy.testing import assert_allclose

from rdx import RDX
from rdx.errors import InputError
from rdx.method.concepts import A_NOT_B, DIRECTIONS
from rdx.method.neighborhoods import as_points
from rdx.method.scales import explained, extension, peeling, plan
from rdx.method.scales.group import Group
from rdx.method.scales.weights import Weights

pytestmark = pytest.mark.usefixtures("few_draws")


def test_the_rest_joins_where_not_all_items_are_looked_at(monkeypatch):
    A, B, truth = groups(n=260, seed=1)
    monkeypatch.setattr(plan, "SEARCHED", 150)
    fitted = RDX(scale="auto").fit(A, B)
    for direction in DIRECTIONS:
        (found,) = [one for one in getattr(fitted, f"{direction}_").concepts if one.evidence.stands_out]
        assert np.isin(truth[direction][0], found.members).sum() >= SIZE - 3
        assert np.isin(found.members, truth[direction][0]).sum() >= found.size - 2
        assert np.isin(found.indices, found.members).all()
    assert "150 of 260 items were looked at" in fitted.a_not_b_.notes[0]


def test_guidance_holds_for_items_that_were_not_looked_at(monkeypatch):
    A, B, truth = groups(n=260, seed=1)
    half = np.arange(260) % 2
    monkeypatch.setattr(plan, "SEARCHED", 150)
    fitted = RDX(scale="auto").fit(A, B, groups_a=half, groups_b=half)
    looked = plan.looked_at(260, fitted)
    found = [one for one in fitted.a_not_b_.concepts + fitted.b_not_a_.concepts if one.evidence.stands_out]
    assert any(len(np.setdiff1d(one.members, looked)) for one in found)
    assert all(len(set(half[one.members].tolist())) == 1 for one in found)


def test_earlier_rounds_have_the_first_choice_of_the_rest(monkeypatch):
    A, B, _ = groups(n=260)
    monkeypatch.setattr(plan, "SEARCHED", N)
    place, everyone = np.arange(N), np.ones(N, dtype=bool)
    later, earlier, small = (
        Group((A_NOT_B, 1.0), (begin <= place) & (place < end), everyone, 1.0, 1.5, 0.025, number, number)
        for begin, end, number in ((40, 100, 2), (10, 40, 1), (0, 10, 1))
    )
    monkeypatch.setattr(explained, "peel", lambda *_, **__: peeling.Peeled([small, later, earlier], [], "", 1))
    monkeypatch.setattr(explained, "joining", lambda own, other, items, *_: np.ones(len(items), dtype=bool))
    found = RDX(scale="auto").fit(A, B).a_not_b_.concepts
    assert {(one.evidence.round, one.size) for one in found} == {(1, 30 + 260 - N), (1, 10), (2, 60)}


def test_the_dense_solver_looks_at_all_items(monkeypatch):
    A, B, truth = groups(n=260, seed=1)
    monkeypatch.setattr(plan, "SEARCHED", 150)
    some, every = (RDX(scale="auto", solver=solver) for solver in ("auto", "dense"))
    assert len(plan.looked_at(260, some)) == 150 and len(plan.looked_at(260, every)) == 260
    assert "; 150 items are" in some.plan(260, (3, 3)).reason and "; 260 items are" in every.plan(260, (3, 3)).reason
    assert "were looked at" in some.fit(A, B).a_not_b_.notes[0]
    assert "were looked at" not in every.fit(A, B).a_not_b_.notes[0]
    with pytest.raises(InputError, match="take fewer items, or solver='auto', which looks at 150"):
        RDX(scale="auto", solver="dense", max_memory="2GB").plan(50_000, (3, 3))


@pytest.mark.parametrize("rule", [None, "own", "paper"])
def test_an_item_that_was_not_looked_at_is_ranked_among_those_that_were(monkeypatch, rule):
    A, B, _ = groups(n=60)
    members, given = np.arange(59) < 12, {}
    guidance = {"A": np.arange(60) % 2, "B": np.arange(60) % 3} if rule else {}
    weights = Weights({"A": A, "B": B}, guidance, rule or "own")
    monkeypatch.setattr(extension, "lie_among", lambda ranks, near, _: given.update(ranks=ranks, near=near) or near > 0)
    guide = weights.guide(A_NOT_B, guidance)
    extension.joining(as_points(A), as_points(B), np.array([59]), np.arange(59), members, 0.3, guide)
    assert_allclose(given["near"], weights.at(A_NOT_B, 0.3)[59:, :12].mean(axis=1), atol=1e-6)
    assert (given["ranks"][0] == weights.distances["A"].values[59, :59]).all()
