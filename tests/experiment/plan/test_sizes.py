"""What follows from the number of items alone."""

from __future__ import annotations

import pytest

from rdx.config import parse_experiment
from rdx.errors import InputError
from rdx.experiment.plan import sizes
from rdx.experiment.stages.methods import method_runs
from rdx.experiment.stages.statistics import plan


def made(**more):
    values = {"name": "x", "representations": {"a": "features:a.npy", "b": "features:b.npy"}, "methods": ["rdx"]}
    config = parse_experiment({**values, **more}, source="test")
    return config, method_runs(config)


def test_defaults_that_depend_on_the_items_have_their_values_and_change_nothing():
    config, runs = made()
    for n in (40, 5000):
        told = sizes.with_values(config, runs, n)
        assert (told.statistics.n_items, told.statistics.n_surrogates) == (min(n, 1000), 49)
        assert told.explorer.enabled is True
        assert plan(told, runs[0], n) == plan(config, runs[0], n)
    assert sizes.with_values(config, runs, 12).statistics.n_items is None  # what cannot be said in a file


def test_at_their_own_scales_concepts_are_so_many_at_most():
    config, runs = made(methods=[{"method": "rdx", "scale": "auto", "n_clusters": 200}])
    sizes.check(config, runs, 200)
    with pytest.raises(InputError, match="n_clusters=200 asks for 201 clusters"):
        sizes.check(config, runs, 39)


def test_levels_that_differ_between_methods_stay():
    config, runs = made(methods=["rdx", {"name": "other", "method": "rdx", "statistics": "full"}])
    assert sizes.with_values(config, runs, 5000).statistics.n_items is None


@pytest.mark.parametrize(
    ("more", "n", "message"),
    [
        ({"methods": ["kmeans"]}, 4, "5 concepts need at least as many items, got 4"),
        ({"statistics": "off"}, 5, "n_clusters=5 asks for 6 clusters"),
        ({}, 7, "n_clusters=5 is too much for the statistics of 'rdx' on 80% of the items, 5: lower it, or set"),
        ({"statistics": {"n_items": 20}, "methods": [{"method": "rdx", "n_clusters": 16}]}, 900, "of the items, 16"),
        ({"statistics": "off", "sweep": {"n_clusters": [3, 16]}}, 20, "n_clusters=16 is too much for the sweep on"),
    ],
)
def test_too_few_items_are_refused(more, n, message):
    config, runs = made(**more)
    with pytest.raises(InputError, match=message):
        sizes.check(config, runs, n)
