"""Times of earlier runs: what is carried over to another number of items, what is only quoted, what is no news."""

from __future__ import annotations

import os
from functools import partial

import pytest

from rdx.experiment.run import timings
from rdx.experiment.run.step import Step
from rdx.experiment.run.timings import Timing, duration, forecast, read, record, timing_of
from rdx.locks import LOCK, locked


def work(context, a):
    """What a step does."""


def step(**more) -> Step:
    return Step("a_vs_b/x", partial(work, a="a"), (), **more)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path))
    return tmp_path / "timings"


@pytest.mark.parametrize(
    ("n", "growth", "expected"),
    [
        (500, 1, 12.0), (1000, 1, 24.0), (1000, 2, 48.0), (50, 2, 0.12), (5000, 0, 12.0),
        (5001, 1, "took 12 s with 500 items"),
    ],
)  # fmt: skip
def test_a_time_is_carried_over_as_the_step_grows_and_not_too_far(n, growth, expected):
    one = step(growth=growth)
    known = [timing_of(one, 500, 8, "cpu", 12.0), timing_of(one, 1, 8, "cpu", 1.0)]
    found = forecast(one, timing_of(one, n, 8, "cpu"), known)
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected))


def test_a_step_that_looks_at_some_items_grows_with_these():
    known = [timing_of(step(growth=2, items=500), 900, 8, "cpu", 12.0)]
    for n in (1000, 100_000):
        one = step(growth=2, items=1000)
        assert forecast(one, timing_of(one, n, 8, "cpu"), known) == pytest.approx(48.0)


def test_only_the_same_kind_of_step_on_the_same_machine_tells(monkeypatch):
    known = [timing_of(step(like={"epochs": 5}), 500, 8, "cpu", 12.0)]
    one, other = step(like={"epochs": 5}), step(like={"epochs": 6})
    none = "no earlier run of its kind on this machine"
    assert forecast(one, timing_of(one, 500, 8, "cpu"), known) == 12.0
    assert forecast(other, timing_of(other, 500, 8, "cpu"), known) == none
    assert forecast(one, timing_of(one, 500, 9, "cpu"), known) == none
    assert forecast(one, timing_of(one, 500, 8, "cuda"), known) == none
    monkeypatch.setattr(timings, "processor", lambda: "another")
    assert forecast(one, timing_of(one, 500, 8, "cpu"), known) == none


def test_rows_are_replaced_bounded_and_survive_damage(cache, monkeypatch):
    assert read() == []
    rows = [Timing("a.b", "0", 8, n, 1.5) for n in (1, 2, 3)]
    record(rows)
    assert read() == rows
    newer = rows[0]._replace(seconds=2.5)
    record([newer])
    assert read() == [*rows[1:], newer]
    path = cache / "steps.csv"
    path.write_text(path.read_text() + "a.b,0,8\nx,y,z,v,w\na.b,0,8,0,1\na.b,0,8,9,nan\na.b,0,8,9,-1\n")
    assert read() == [*rows[1:], newer]
    monkeypatch.setattr(timings, "MOST", 2)
    record([rows[0]._replace(n=7)])
    assert [one.n for one in read()] == [1, 7]
    path.write_bytes(b"\xff\xfe\x00")
    assert read() == []
    assert os.listdir(cache) == ["steps.csv"]


def test_what_cannot_be_recorded_stops_nothing(cache, monkeypatch):
    row = Timing("a.b", "0", 8, 1, 1.5)
    with locked(cache / LOCK, "it"):
        monkeypatch.setattr("threading.get_ident", lambda: -1)  # as another process would
        record([row])
    cache.write_text("a file where the folder should be")
    record([row])
    assert read() == []


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "< 1 s"), (40, "40 s"), (720, "12 min"), (9000, "2.5 h")])
def test_durations_in_words(seconds, text):
    assert duration(seconds) == text
