"""benchmarks/truth.py: what was planted is known as that, and nothing else; a run that was broken off goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def truth():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        for name in ("pairs", "truth_scores", "truth"):
            patch.delitem(sys.modules, name, raising=False)
        import truth

        yield truth


def scored(truth, planted, *findings):
    found = [truth.Finding(direction, np.asarray(members)) for direction, members in findings]
    return truth.scores(planted, found, 20)


@pytest.fixture
def merged(truth):
    """Classes 0 … 4 and 5 … 9 are merged in A; the second has moved towards 10 … 14. 15 … 19 stay where they are."""
    import pairs

    one, other = np.arange(5), np.arange(5, 10)
    groups = {"a_not_b": [np.arange(10)], "b_not_a": [one, other]}
    return pairs.Truth(np.arange(10), groups, {"a_not_b": [(other, [np.arange(10, 15)])], "b_not_a": []})


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], {"findings": 0, "false": 0, "found": 0, "recall": 0.0, "precision": ""}),
        ([("a_not_b", range(10))], {"false": 0, "found": 1, "recall": 1.0, "precision": 1.0}),
        ([("b_not_a", range(5)), ("b_not_a", range(5, 10))], {"false": 0, "found": 2, "recall": 1.0}),
        ([("a_not_b", range(15, 20))], {"findings": 1, "false": 1, "found": 0, "recall": 0.0, "precision": 0.0}),
        ([("a_not_b", range(6, 14))], {"false": 0, "found": 0, "recall": 0.4, "precision": 1.0}),  # a consequence,
        ([("b_not_a", range(7, 14))], {"false": 1, "precision": 0.4286}),  # but of the other direction
        ([("a_not_b", range(8, 20))], {"false": 1, "recall": 0.0, "precision": 0.1667}),
    ],
)
def test_scores_of_groups(truth, merged, findings, expected):
    got = scored(truth, merged, *findings)
    assert {key: got[key] for key in expected} == expected
    assert got["planted"] == 3 and got["differences"] == 1


def test_what_moves_towards_two_classes_may_be_found_with_both(truth, merged):
    """Where enough of it is what has moved."""
    from truth_scores import shows

    moved = merged.beside["a_not_b"][0][0]
    merged.beside["a_not_b"] = [(moved, [np.arange(10, 15), np.arange(15, 20)])]
    for members, shown in ((range(7, 18), True), (range(9, 20), False), (range(10, 20), False)):
        assert shows(merged, truth.Finding("a_not_b", np.asarray(members))) is shown


@pytest.mark.parametrize(
    ("direction", "members", "false"),
    [
        ("a_not_b", range(10, 20), 0),  # mixed
        ("a_not_b", range(0, 15), 1),  # a third less than half as usual
        ("b_not_a", range(0, 12), 0),  # nearly all of one value
        ("b_not_a", range(4, 20), 1),
    ],
)
def test_scores_of_an_attribute(truth, direction, members, false):
    import pairs

    attribute = np.repeat([0, 1], [15, 5])
    groups = {"a_not_b": [], "b_not_a": [np.arange(15), np.arange(15, 20)]}
    planted = pairs.Truth(np.arange(20), groups, attribute=attribute)
    assert scored(truth, planted, (direction, list(members)))["false"] == false


def test_what_was_planted_explains_much_of_the_rank_change_where_it_is_large_and_nothing_where_it_is_chance(truth):
    import pairs

    rng = np.random.default_rng(0)
    A, B, planted = pairs.groups(rng, count=2, size=20, level=0.0, n=60)
    by_chance = pairs.Truth(planted.changed, {"a_not_b": [rng.permutation(60)[:20]], "b_not_a": []})
    assert truth.explained(A, B, planted) > 0.2 > 0.02 > truth.explained(A, B, by_chance)
    assert truth.explained(A, B, pairs.NOTHING) == ""


def test_nobody_judges_concepts_of_unrelated_representations(truth):
    import pairs

    got = scored(truth, pairs.Truth(np.arange(20), judged=False), ("a_not_b", range(10)))
    assert got["findings"] == 1 and got["false"] == got["recall"] == got["precision"] == ""


def test_equal_representations_have_no_finding_and_the_planted_one_is_among_the_clusters(truth):
    A = np.random.default_rng(0).normal(size=(40, 3))
    told = truth.METHODS["v2"](A, 3 * A[:, ::-1])
    assert told.verdict == truth.NO_DIFFERENCE and not told.findings and told.smallest_p == 1.0
    (merge,) = (spec for spec in truth.made_pairs(0.01) if spec.name == "merge-1-300-0")
    told = truth.rows_of(merge, ["kmeans"])[0]
    assert told["found"] == 3 and told["verdict"] == "" and told["recall"] == 1.0


def test_a_run_that_was_broken_off_goes_on(truth, tmp_path, monkeypatch, capsys):
    asked = []

    def answer(A, B):
        asked.append(len(A))
        return truth.Answer([truth.Finding("a_not_b", np.arange(9))], 2, truth.DIFFERENCE, 0.02)

    monkeypatch.setattr(truth, "METHODS", {"one": answer, "two": answer})
    output = tmp_path / "truth.csv"
    command = ["truth.py", "--quick", "--kinds", "null, copies", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", [*command, "--methods", "two"])
    truth.main()
    before = len(asked)
    monkeypatch.setattr(sys, "argv", [*command, "--methods", "one", "two"])
    truth.main()
    assert len(asked) == 2 * before == 36
    rows = list(truth.read_rows(output).values())
    assert [row["method"] for row in rows[:4]] == ["one", "two"] * 2 and set(rows[0]) == set(truth.COLUMNS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[:8] == ["null,", "copies", "-", "two", "18", "18/18", "18", "18"]
