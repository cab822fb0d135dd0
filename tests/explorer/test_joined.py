"""A group that nothing known sets apart, beside what the headline names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_comparison import made_content, with_evidence

from rdx.explorer import methods
from rdx.explorer.joined import Cause, beside_cause, cause_of
from rdx.explorer.payload import make_payload
from rdx.explorer.telling import Unnoticed
from rdx.metrics.attribute_probes import Probed
from rdx.metrics.attribute_words import UNEXPLAINED
from rdx.metrics.attributes import Attribute
from rdx.metrics.detail import Detail

MEMBERS = np.arange(20)


def patch(*having: int) -> Attribute:
    has = np.isin(np.arange(60), having).astype(np.int64)
    return Attribute("red patch", has, ("no", "yes"), ("no red patch", "a red patch"))


def test_of_a_mark_the_shares_are_told_and_of_the_images_shown_where_they_have_it_more_often():
    cause = Cause(patch(*range(11), *range(20, 36)), "")
    text = "red patch: 55 % of them, 40 % of the rest"
    models = "shown have it"
    assert beside_cause(cause, "b", MEMBERS, np.arange(9)) == f"{text}; all 9 {models}"
    assert beside_cause(cause, "b", MEMBERS, np.arange(3, 13)) == f"{text}; 8 of the 10 {models}"
    assert beside_cause(cause, "b", MEMBERS, np.arange(5, 14)) == text  # 6 of 9
    alone = Cause(patch(*range(19)), "")
    assert beside_cause(alone, "b", MEMBERS, np.arange(9)).endswith("0 % of the rest")  # the images shown as the group
    assert beside_cause(cause, "b", np.arange(60), np.arange(9)) is None  # there is no rest


@pytest.mark.parametrize(
    ("shift", "verb", "auc"), [(0, "does not set", 0.5), (8, "does not set", 0.57), (30, "hardly sets", 0.75)]
)
def test_of_a_number_it_is_told_how_little_it_marks_the_group(shift, verb, auc):
    values = np.tile(np.arange(60.0), 2)
    values[:60] += shift
    cause = Cause(Attribute("brightness", values), "up and down, which A does not tell,", "a")
    pairs = values[:60, None] - values[60:]
    auc = float((pairs > 0).mean() + (pairs == 0).mean() / 2)
    verb = "hardly sets" if auc >= 0.6 else "does not set"
    expected = f"up and down, which A does not tell, {verb} this group apart (AUC {auc:.2f})"
    assert beside_cause(cause, "b", np.arange(60), np.arange(9)) == expected
    bright = np.argsort(values[:60])[-9:]
    words = ("brighter", "darker")
    named = replace(cause, attribute=Attribute("brightness", values, None, words))
    more = "; the 9 shown are brighter (AUC "
    told = beside_cause(named, "b", np.arange(60), bright)
    assert told.startswith(expected) and (more in told) == (auc < 0.7)  # where the group is told, it is not said again
    turned = replace(cause, attribute=Attribute("brightness", -values, None, words[::-1]))
    assert beside_cause(turned, "b", np.arange(60), bright) == told
    low = replace(cause, attribute=Attribute("darkness", -values))
    assert beside_cause(low, "b", np.arange(60), np.arange(9)) == expected  # less of it as more
    if auc < 0.6:
        expected = f"{cause.called} is as mixed in it as in the rest: A does not tell it (AUC {auc:.2f})"
    assert beside_cause(cause, "a", np.arange(60), np.arange(9)) == expected  # A does not tell it: its groups have both


def test_the_cause_is_what_the_headline_names_first():
    numbers = Attribute("age", np.arange(60.0))
    read = {"a": [], "b": [Probed(numbers, 0.0, 0.9, 0.0), Probed(patch(1), 0.0, 0.3, 0.0)]}
    turn = Unnoticed("a", "up and down", "upside-down", "upper half", Probed(numbers, 0.0, 0.9, 0.0))
    finer = Detail({"a": 0.1, "b": 0.5}, {"a": 0.5, "b": 0.5}, 0.01, 0.0)
    nothing = {"a": [], "b": []}
    structure = np.arange(60.0), np.zeros(60)
    every = [cause_of(*one, finer, structure) for one in ((turn, read), (None, read), (None, nothing))]
    assert [one.less for one in every] == ["a", "a", None]
    assert cause_of(turn, read, finer, structure).called == "up and down, which A does not tell,"
    assert cause_of(None, read, finer, structure).attribute.name == "red patch"  # what is painted
    plain = {"a": [], "b": read["b"][:1]}
    assert cause_of(None, plain, finer, structure).called == "“age”, which B tells better than A,"
    weak = {"a": [], "b": [Probed(numbers, 0.0, 0.1, 0.0)]}
    assert cause_of(None, weak, finer, structure).called == "“age”, which B hardly tells, and A still less,"
    found = cause_of(None, nothing, finer, structure)
    assert found.called == "fine structure, by which B goes more," and found.attribute.values is structure[0]
    assert cause_of(None, nothing, None, None) is None


def test_a_card_that_nothing_explains_says_how_it_stands_to_the_headline(monkeypatch):
    """And says nothing else of the images shown, which would read as another cause."""
    found = methods.commons
    wider = {"shown": "The 6 shown: wider."}
    monkeypatch.setattr(methods, "commons", lambda *of: {key: replace(one, **wider) for key, one in found(*of).items()})
    content = made_content(images=False)
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [None, None]})
    rng = np.random.default_rng(5)
    tilt = rng.normal(size=content.n)
    B = np.c_[content.representations["b"], 3 * tilt]
    for seen, said in ((B, True), (content.representations["b"], False)):
        views = {**content.representations, "b": seen}
        known = [Attribute("tilt", tilt, None, ("steeper", "flatter"))]
        payload, _ = make_payload(replace(content, methods=[method], attributes=known, representations=views), None)
        concepts = payload["methods"][0]["directions"]["a_not_b"]["concepts"]
        shares = {one["standing"]: one["shares"] for one in concepts}
        assert shares["out"].startswith("steeper or flatter, which B tells better than A, is as mixed") is said
        assert (shares["out"] == UNEXPLAINED) is not said and shares["chance"] == UNEXPLAINED
        assert {one["besides"] for one in concepts} == {None if said else wider["shown"]}
