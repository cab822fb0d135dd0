"""What the page says: one place decides what stands out, and badge, headline and cards follow from it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_comparison import made_content, with_evidence

from rdx.data.column_kinds import categories
from rdx.explorer.agreement import labels_placed
from rdx.explorer.findings import finding_of
from rdx.explorer.halves import halves
from rdx.explorer.hues import hues
from rdx.explorer.methods import added_columns
from rdx.explorer.payload import make_payload
from rdx.explorer.size import LARGE, MODERATE, SMALL, size_of
from rdx.explorer.standing import CHANCE, OUT, UNTESTED, Standing, findings, standings
from rdx.explorer.story import story_of, unnamed_text
from rdx.explorer.whereabouts import (
    CLOSER,
    LITTLE,
    SPLIT,
    TOGETHER,
    coming,
    held,
    held_words,
    whereabouts,
    whereabouts_of,
)  # fmt: skip
from rdx.method.concepts import DIRECTIONS, Explanations
from rdx.method.neighborhoods import as_points
from rdx.metrics.attributes import Attribute
from rdx.metrics.finding_counts import is_minor


@pytest.fixture(scope="module")
def content():
    return made_content(images=False)


def told(content, method):
    views = {side: as_points(X) for side, X in content.representations.items()}
    where = whereabouts_of(content, method, views)
    standing = standings(method)
    how = dict.fromkeys(where, CLOSER)
    found = [finding_of(content, method, faces, views, {}, how) for faces in findings(standing)]
    return standing, found, story_of(content, method, standing, found)


def with_p(method, p_values):
    """The method with p by direction and number."""
    rows = {
        direction: [{**row, "p_value": p_values[direction][row["concept"] - 1], "gain": 1.0} for row in rows]
        for direction, rows in method.rows.items()
    }
    return replace(method, rows=rows)


CASES = {
    "all stand out": ({"a_not_b": [0.02, 0.01], "b_not_a": [0.04, 0.03]}, "4 findings", ("a_not_b", 2)),
    "one": ({"a_not_b": [0.3, 0.2], "b_not_a": [0.5, 0.04]}, "1 finding", ("b_not_a", 2)),
    "at the border": ({"a_not_b": [0.05, 0.2], "b_not_a": [0.5, 1.0]}, "Nothing stands out", None),
    "not all tested": ({"a_not_b": [None, 0.2], "b_not_a": [0.5, 0.3]}, "Nothing stands out", None),
    "untested": ({"a_not_b": [None, None], "b_not_a": [None, None]}, "Not tested", ("a_not_b", 1)),
}


@pytest.mark.parametrize(("p_values", "badge", "opens"), CASES.values(), ids=CASES)
def test_badge_headline_and_cards_say_the_same(content, p_values, badge, opens):
    standing, found, story = told(content, with_p(content.methods[0], p_values))
    words = [one.word for one in standing]
    assert story.badge == badge
    assert (story.opens and (story.opens.direction, story.opens.number)) == opens
    assert words == sorted(words, key=[OUT, UNTESTED, CHANCE].index)
    assert len(found) == len(standing) - words.count(CHANCE)
    assert (story.kind == "found") == (OUT in words)
    assert OUT not in words or story.headline.startswith(f"{badge} stand")  # the same count
    assert story.headline.startswith("Nothing stands out from chance") == (set(words) == {CHANCE})


def test_concepts_of_one_finding_are_its_faces(content):
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [1, 2]})
    standing, found, story = told(content, method)
    assert [[(face.direction, face.number) for face in one.faces] for one in found] == [
        [("a_not_b", 1), ("b_not_a", 1)], [("b_not_a", 2)],
    ]  # fmt: skip
    assert story.badge == "2 findings"
    assert [one.word for one in standing] == [OUT, OUT, OUT, CHANCE]


def test_a_finding_says_which_labels_one_model_does_not_tell_apart(content):
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [None, None]})
    members = np.flatnonzero(content.items.labels <= 1)  # A sees cats and dogs as one
    labels = np.where(content.items.labels <= 1, 1, 0)
    concept = replace(method.explanations["a_not_b"].concepts[0], members=members)
    explained = {**method.explanations, "a_not_b": Explanations("a_not_b", labels, [concept])}
    _, (finding,), story = told(content, replace(method, explanations=explained))
    assert finding.sentence == "A holds “cat” and “dog” together as one group; B tells them apart."
    assert story.headline == f"1 finding stands out from chance. {finding.sentence}"
    own, other = finding.table.ranks["a"], finding.table.ranks["b"]
    assert own[0, 1] < 60 < other[0, 1] and own[0, 0] < 60 and other[0, 0] < 30
    assert (own == own.T).all()
    assert finding.table.labels == (0, 1)
    views = [as_points(content.representations[side]) for side in ("a", "b")]
    placed = {(x, y): (a, b) for x, y, a, b in labels_placed(views, content.items.labels)}
    assert placed[0, 1] == (own[0, 1], other[0, 1])  # one number, wherever the page tells it
    few = replace(concept, members=members[::3])  # a third of the cats and dogs says nothing of cats and dogs
    explained = {**method.explanations, "a_not_b": Explanations("a_not_b", labels, [few])}
    _, (finding,), _ = told(content, replace(method, explanations=explained))
    assert finding.table is None and "“cat” and “dog”" not in finding.sentence


def test_where_nothing_known_sets_a_group_apart_the_page_says_what_it_may_be(content):
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [None, None]})
    noise = Attribute("noise", np.random.default_rng(5).normal(size=content.n))
    labels = categories("label", [content.items.label_name(i) for i in range(content.n)])
    for known, said in (([noise], True), ([labels], False), ([noise, labels], False)):
        payload, _ = make_payload(replace(content, methods=[method], attributes=known), None)
        ((_, shares),) = [
            (one["number"], one["shares"])
            for one in payload["methods"][0]["directions"]["a_not_b"]["concepts"]
            if one["standing"] == OUT
        ]
        assert (unnamed_text() in payload["methods"][0]["story"]["headline"]) is said
        assert ("nothing known here" in shares) is said  # card and headline say the same
    assert unnamed_text(["mirrored images (x)"]).endswith(" noise, mirrored images (x), or what is not measured.")
    slight = unnamed_text(["mirrored images (x)"], size_of(agreed(0.89), 1.3, "items"))
    assert "seldom another seed or size: it may be mirrored images (x), noise or " in slight


@pytest.mark.parametrize(
    ("merged", "tells", "shared", "said"),
    [
        (False, False, None, True), (True, False, None, False), (False, True, None, False),
        (False, False, "All x.", False),
    ],  # fmt: skip
)
def test_that_labels_are_kept_apart_less_well_is_said_where_nothing_else_explains_it(
    content, monkeypatch, merged, tells, shared, said
):
    monkeypatch.setattr("rdx.explorer.methods.shared_cause", lambda *_: shared)
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [None, None]})
    concept, labels = method.explanations["a_not_b"].concepts[0], content.items.labels
    members = np.flatnonzero(labels <= 1) if merged else np.arange(0, content.n, 3)  # cats and dogs, or anything
    inside = np.isin(np.arange(content.n), members).astype(int)
    found = Explanations("a_not_b", inside, [replace(concept, members=members)])
    method = replace(method, explanations={**method.explanations, "a_not_b": found})
    names = categories("label", [content.items.label_name(i) for i in range(content.n)])
    tilt = np.random.default_rng(5).normal(size=content.n)
    views = {"a": content.representations["a"], "b": np.c_[content.representations["b"], 3 * tilt * tells]}
    own = np.array([np.flatnonzero(labels == label)[:5] for label in labels])
    mixed = np.where(np.arange(content.n)[:, None] % 2, own, np.roll(own, 1, axis=0))
    known = replace(
        content, methods=[method], near=(mixed, own), attributes=[names, Attribute("tilt", tilt)], representations=views
    )
    payload, _ = make_payload(known, None)
    headline = payload["methods"][0]["story"]["headline"]
    assert ("A keeps the labels apart less well than B: 50 % of neighbours share the label" in headline) is said
    assert ("“cat” and “dog” together" in headline) is merged and ("B tells better than A" in headline) is tells
    assert payload["agreement"]["label"] == [0.5, 1.0]  # below the headline it is told anyway


@pytest.mark.parametrize(
    ("own", "other", "split", "words"),
    [
        (0.8, 0.2, False, TOGETHER), (0.8, 0.6, False, CLOSER), (0.55, 0.51, False, LITTLE), (0.1, 0.1, False, LITTLE),
        (0.45, 0.05, False, CLOSER),  # most of its neighbours are others in both
        (0.8, 0.4, False, CLOSER),  # no model that has 40 % of its neighbours together scatters it
        (0.36, 0.32, True, LITTLE), (0.8, 0.4, True, SPLIT), (0.45, 0.05, True, CLOSER),
    ],
)  # fmt: skip
def test_words_for_a_group_follow_the_measured_shares(own, other, split, words):
    assert held(own, other, 0.05, split) == words
    assert held(0.75, 0.51, 0.47) == held(1.0, 0.9, 0.9) == CLOSER  # as any items are: not scattered


@pytest.mark.parametrize(("others", "groups"), [(0, True), (80, False)])
def test_only_two_groups_that_lie_together_are_said_to_be_split(others, groups):
    """40 members that are one group in A, in B two, alone or each among twice as many others."""
    rng = np.random.default_rng(0)
    members, place = np.arange(40), np.full(140, 90.0)
    place[: 40 + others] = np.where(np.arange(40 + others) % 2, -30, 30)
    own = rng.normal(size=(140, 3)) + np.where(np.arange(140) < 40, 0, 60)[:, None]
    other = as_points(rng.normal(size=(140, 3)) + place[:, None])
    found = halves(as_points(own), other, members)
    inside = whereabouts(other, members, None).inside
    assert found.told and found.mixed_other == 0.0 and found.are_groups(inside) is groups


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (TOGETHER, "Together in B, scattered in A"), (SPLIT, "Together in B, split in two in A"),
        (CLOSER, "Closer together in B than in A"),
        (LITTLE, "A little closer together in B than in A"),
    ],
)  # fmt: skip
def test_in_which_model_a_group_lies_together_is_said(how, words):
    assert held_words(how, "b", "a") == words


def agreed(common, cka=0.95, read=(), label=(0.9, 0.9)):
    return {"common": common, "neighbors": 10, "cka": cka, "tells": " ".join(read) or None, "label": label}


@pytest.mark.parametrize(
    ("common", "denser", "badge"),
    [
        (0.89, 1.15, f"{SMALL} difference"), (0.63, 1.2, f"{MODERATE} difference, spread out"),
        (0.71, 4.2, f"{MODERATE} difference"), (0.5, None, f"{LARGE} difference"), (None, 2.0, None),
    ],
)  # fmt: skip
def test_a_difference_that_stands_out_need_not_be_large(content, common, denser, badge):
    """The badge says how large it is, by how many neighbours are others; the headline says how many."""
    size = size_of(agreed(common), denser, "items")
    assert (size and size.badge.lower()) == badge
    method = with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [1, None]})
    standing, found, _ = told(content, method)
    story = story_of(content, method, standing, found, size, "B tells x.")
    assert story.badge.lower() == (f"{badge}: 1 finding" if badge else "1 finding")
    count = "1 finding stands out from chance. "  # of two groups
    small = size is not None and size.word == SMALL  # then that comes first
    assert story.headline.startswith(f"{size.sentence} {count}" if small else count)
    assert story.headline.count("chance") == 1 and (size is None or story.headline.count(size.sentence) == 1)
    assert "B tells x." in story.headline and (not size or size.sentence in story.headline)
    assert size is None or f"{common:.0%}".replace("%", " %") in size.sentence


@pytest.mark.parametrize(
    ("agreement", "denser", "like"),
    [
        (agreed(0.63), 1.2, True), (agreed(0.63, label=None), 1.2, True),
        (agreed(0.63), 2.0, False),  # in what was found
        (agreed(0.63, read=["brighter or darker"]), 1.2, False),  # B tells something
        (agreed(0.63, label=(0.9, 0.87)), 1.2, False), (agreed(0.5, cka=0.85), 1.2, False), (agreed(0.9), 1.2, False),
    ],
)  # fmt: skip
def test_two_seeds_are_named_only_where_nothing_else_is_known(agreement, denser, like):
    size = size_of(agreement, denser, "images")
    assert ("differ in nothing but their seed" in size.sentence) == like
    assert "their seed" not in size_of(agreement, denser, "images", referred=True).sentence
    assert size.spread == (denser < 1.5 and not agreement["tells"])


def test_small_and_unsure_findings_come_last_and_how_many_they_are_is_said(content):
    method = with_evidence(content.methods[0], {"a_not_b": [1, 2], "b_not_a": [3, None]})
    rows = {d: [{**row, "stability": 0.4 if d == "b_not_a" else 0.9} for row in method.rows[d]] for d in DIRECTIONS}
    _, found, story = told(content, replace(method, rows=rows))
    assert [is_minor(one.cautions) for one in found] == [False, False, True]
    assert story.badge == story.count == "2 findings, and 1 small or unsure one"
    assert story.headline.startswith("2 findings stand out from chance, and 1 small or unsure one.")
    rows = {d: [{**row, "stability": 0.4} for row in method.rows[d]] for d in DIRECTIONS}
    _, _, story = told(content, replace(method, rows=rows))
    assert story.badge == "3 findings, all small or unsure"
    assert story.headline.startswith("3 findings stand out from chance, all small or unsure.")


def test_where_members_have_their_neighbours():
    points = as_points(np.arange(20.0)[:, None])
    found = whereabouts(points, np.arange(5), np.arange(20) // 10)
    assert found.inside == pytest.approx(1 - (2 * 0 + 1 + 0 + 2) / 20, abs=0.2)
    split = whereabouts(points, np.array([0, 19]), np.arange(20) // 10)
    assert split.inside == 0.0 and split.labels == {0: 0.5, 1: 0.5} and split.rank == 19
    assert whereabouts(points, np.arange(2), None).rank == 1.0


def test_labels_that_come_near_in_the_other_model_are_those_that_are_not_near_in_the_own():
    labels = np.arange(40) // 10
    own = as_points(np.arange(40.0)[:, None])
    moved = np.arange(40.0)[:, None]
    moved[20:30] = np.arange(10)[:, None] + 0.5  # the third label comes among the first
    there, here = (whereabouts(points, np.arange(10), labels) for points in (as_points(moved), own))
    ((label, share, before),) = coming(there, here)
    assert label == 2 and share > 0.4 and before == 0.0
    assert coming(here, here) == []


def test_two_that_agree_on_nothing_are_said_to(content):
    none = {d: Explanations(d, np.zeros(content.n, dtype=int), []) for d in DIRECTIONS}
    _, _, story = told(content, replace(content.methods[0], explanations=none, unrelated=True))
    assert story.kind == "unrelated" and "agree on nothing" in story.headline and story.opens is None
    _, _, story = told(content, replace(content.methods[0], explanations=none, ending="the rest is equal"))
    assert story.kind == "nothing" and story.badge == "No difference found"
    story = story_of(content, content.methods[0], [], [], tells="B tells x.")
    assert story.badge == "No group found" and story.headline.endswith(" B tells x.")


def test_the_payload_has_what_stands_out_first(content):
    p_values = {"a_not_b": [0.3, 0.01], "b_not_a": [0.5, 0.6]}
    payload, _ = make_payload(replace(content, methods=[with_p(content.methods[0], p_values)]), None)
    (method,) = payload["methods"]
    concepts = method["directions"]["a_not_b"]["concepts"]
    assert [(one["number"], one["standing"]) for one in concepts] == [(2, OUT), (1, CHANCE)]
    assert method["story"]["opens"] == ["a_not_b", 2]


def test_as_many_groups_as_were_asked_for_may_not_be_all(content):
    both = {"a_not_b": [1, 2], "b_not_a": [3, None]}
    method = replace(with_evidence(content.methods[0], both), most=2)
    _, _, story = told(content, method)
    assert story.badge == "3 findings, perhaps more"
    assert "A has as many groups of items as were asked for at most (2): there may be more." in story.headline
    _, _, story = told(content, replace(method, most=3))
    assert story.badge == "3 findings" and "asked for" not in story.headline


def test_one_colour_is_one_concept_and_the_faces_of_a_finding_are_shades_of_one_hue(content):
    method = with_evidence(content.methods[0], {"a_not_b": [1, 2], "b_not_a": [2, 2]})
    found = hues(standings(method), 10)
    assert (found["a_not_b", 1], found["a_not_b", 2]) == (0, 1)  # as in the run's figures
    assert sorted(found[one] for one in found if one[0] == "b_not_a") == [11, 21]  # shades of A2's
    alone = hues(standings(with_evidence(content.methods[0], {"a_not_b": [1, None], "b_not_a": [2, None]})), 10)
    assert sorted(alone.values()) == [0, 1, 2, 3]


def test_where_a_finding_has_more_faces_than_a_hue_has_shades_all_colours_differ():
    faces = [Standing("a_not_b", 1, OUT, 1, ()), *[Standing("b_not_a", number, OUT, 1, ()) for number in range(1, 6)]]
    faces += [Standing("a_not_b", 12, OUT, 2, ())]  # has a further shade in the run's figures
    found = hues(faces, 10)
    assert found["b_not_a", 1] == 10 and found["b_not_a", 2] == 20
    assert len(set(found.values())) == len(found)


def test_of_concepts_that_stand_out_the_one_that_changes_most_comes_first_not_the_one_with_most_items(content):
    """A's confused classes as one group of 60, and as a group of all others besides, which hardly differs."""
    method = with_evidence(content.methods[0], {"a_not_b": [1, 2], "b_not_a": [None, None]})
    first, second = method.explanations["a_not_b"].concepts
    few, many = (np.flatnonzero(which) for which in (content.items.labels <= 1, content.items.labels > 1))
    concepts = [
        replace(one, members=members, evidence=replace(one.evidence, effect=effect))
        for one, members, effect in ((first, many, 1.5), (second, few, 20.0))
    ]
    explained = {**method.explanations, "a_not_b": replace(method.explanations["a_not_b"], concepts=concepts)}
    standing, found, story = told(content, replace(method, explanations=explained))
    assert len(many) > len(few) and [one.number for one in standing[:2]] == [2, 1]
    assert story.opens.number == 2 and "The largest: A holds “cat” and “dog” together" in story.headline


def test_the_page_has_words_of_its_own_for_all_that_a_run_says_of_a_concept(content):
    from rdx.experiment.run.tables import OF_SCALES, P_REFERENCE, STATISTICS

    row = dict.fromkeys((*STATISTICS, *OF_SCALES, P_REFERENCE, "theirs"), 1.0)
    method = replace(content.methods[0], rows={"a_not_b": [row]})
    assert added_columns(SimpleNamespace(methods=[method])) == ["theirs"]
