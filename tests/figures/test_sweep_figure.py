"""The figure of a run with many comparisons: which form it takes, and what is in it."""

from __future__ import annotations

import pytest
from made_pictures import edges_are_white, of_color, pixels

from rdx.figures.sweep import CHAIN, MATRIX, ROWS, PairSummary, form_of, save_sweep


def summary(a: str, b: str, bsr=(0.8, 0.6), concepts=(3, 5), cka=0.9, title: str | None = None) -> PairSummary:
    return PairSummary(a, b, title or a, b, bsr, concepts, cka)


def chain(n: int) -> list[PairSummary]:
    return [summary(f"block {i}", f"block {i + 1}", (0.5 + 0.03 * i, 0.9 - 0.02 * i), (i, 2 * i)) for i in range(n)]


def count(path, color: str) -> int:
    """Pixels of exactly this colour."""
    return int(of_color(pixels(path), color).sum())


@pytest.mark.parametrize(
    ("pairs", "form"),
    [
        ([("a", "b"), ("b", "c"), ("c", "d")], CHAIN),
        ([("a", "b"), ("b", "c"), ("a", "c")], MATRIX),
        ([("a", "b"), ("b", "c"), ("c", "a")], MATRIX),
        ([("a", "z"), ("b", "z"), ("c", "z")], ROWS),
        ([("a", "b"), ("b", "a"), ("a", "c")], ROWS),
    ],
)
def test_the_form_follows_the_pairs(pairs, form):
    assert form_of(pairs) == form


@pytest.mark.parametrize(
    "pairs",
    [
        chain(3),
        chain(14),
        [summary(f"model {i}", "reference") for i in range(14)],
        [summary("a", "b"), summary("b", "c"), summary("a", "c", title="a long title of a model, with its patch size")],
        [summary("x" * 200, "y"), summary("z" * 200, "w"), summary("v", "u")],
    ],
    ids=["3 layers", "14 layers", "14 against one", "matrix", "long names"],
)
def test_everything_stays_inside_and_the_bytes_are_the_same_again(tmp_path, pairs):
    heading = "experiment: rdx over its comparisons"
    save_sweep(tmp_path / "one.png", pairs, heading=heading)
    assert edges_are_white(tmp_path / "one.png")
    if len(pairs) == 3:
        save_sweep(tmp_path / "two.png", pairs, heading=heading)
        assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert pixels(tmp_path / "one.png").shape[1] < 3000


def test_a_direction_without_concepts_has_a_gap(tmp_path):
    pairs = chain(6)
    save_sweep(tmp_path / "all.png", pairs, heading="x")
    blank = [summary(pair.a, pair.b, (float("nan"), pair.bsr[1]), (0, pair.concepts[1]), pair.cka) for pair in pairs]
    save_sweep(tmp_path / "gap.png", blank, heading="x")
    assert count(tmp_path / "gap.png", "#222222") < count(tmp_path / "all.png", "#222222")
    assert count(tmp_path / "gap.png", "#0072B2") >= count(tmp_path / "all.png", "#0072B2")  # nothing lies over it


def test_matrix_cells_hold_both_directions(tmp_path):
    pairs = [summary("a", "b", (0.99, 0.41)), summary("b", "c", (0.99, 0.41)), summary("a", "c", (0.99, 0.41))]
    swapped = [summary(p.b, p.a, p.bsr[::-1], p.concepts[::-1]) for p in pairs]
    save_sweep(tmp_path / "one.png", pairs, heading="x")
    save_sweep(tmp_path / "two.png", swapped, heading="x")
    one, two = pixels(tmp_path / "one.png"), pixels(tmp_path / "two.png")
    assert one.shape == two.shape  # the same models; those of the second stand in another order
    save_sweep(tmp_path / "equal.png", [summary(p.a, p.b, (0.7, 0.7)) for p in pairs], heading="x")
    assert (pixels(tmp_path / "equal.png") != one).any()


def test_no_comparison_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no comparisons"):
        save_sweep(tmp_path / "x.png", [], heading="x")
