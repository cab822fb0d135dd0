"""What a linear probe reads from one representation and hardly from the other."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rdx.features.pixels import MEASURES, measure_images
from rdx.metrics.attribute_probes import _PENALTIES, probe_attributes, read_by_one
from rdx.metrics.attributes import Attribute

RNG = np.random.default_rng(0)
N = 150
SEEN, HIDDEN, OTHER = RNG.normal(size=(3, N))
NOISE = RNG.normal(size=(N, 6))
VIEWS = {"a": np.c_[SEEN, NOISE], "b": np.c_[SEEN, 0.5 * HIDDEN, NOISE]}


def names(attributes, views=VIEWS):
    found = read_by_one(probe_attributes(views, attributes))
    return {side: [one.attribute.name for one in here] for side, here in found.items()}


def test_what_only_one_holds_is_named_once():
    known = [
        Attribute("seen", SEEN), Attribute("other", OTHER), Attribute("hidden", HIDDEN),
        Attribute("cubed", HIDDEN**3),  # goes with it
        Attribute("sign", (HIDDEN > 0).astype(np.int64), ("no", "yes")),
    ]  # fmt: skip
    assert names(known) == {"a": [], "b": ["hidden", "sign"]}
    assert names(known, {"a": VIEWS["b"], "b": VIEWS["a"]}) == {"a": ["hidden", "sign"], "b": []}


def test_r_squared_is_that_of_leaving_each_item_out():
    n = 50
    (found,) = probe_attributes({side: X[:n] for side, X in VIEWS.items()}, [Attribute("hidden", HIDDEN[:n])])
    ranks = np.argsort(np.argsort(HIDDEN[:n])).astype(float)
    X = VIEWS["b"][:n] - VIEWS["b"][:n].mean(axis=0)
    X /= np.sqrt((X**2).sum(axis=1).mean())
    left = [sum((ranks[i] - _without(i, X, ranks, penalty)) ** 2 for i in range(n)) for penalty in _PENALTIES]
    assert found.b == pytest.approx(1 - min(left) / ((ranks - ranks.mean()) ** 2).sum(), abs=1e-9)


def _without(i, X, y, penalty):
    """What ridge regression, its mean not penalised, says of an item that it has not seen."""
    others, seen = np.delete(X, i, 0), np.delete(y, i)
    middle = others.mean(axis=0)
    others = others - middle
    weights = np.linalg.solve(others.T @ others + penalty * np.eye(X.shape[1]), others.T @ (seen - seen.mean()))
    return seen.mean() + (X[i] - middle) @ weights


def test_chance_names_nothing():
    known = [Attribute(str(i), RNG.normal(size=N)) for i in range(200)]
    views = {"a": RNG.normal(size=(N, 20)), "b": RNG.normal(size=(N, 20))}
    assert names(known, views) == {"a": [], "b": []}


def test_items_without_a_value_are_left_out_and_few_values_are_not_asked():
    partly, few = HIDDEN.copy(), HIDDEN.copy()
    partly[:50], few[20:] = np.nan, np.nan
    same = Attribute("same", np.zeros(N, np.int64), ("x",))
    found = probe_attributes(VIEWS, [Attribute("partly", partly), Attribute("few", few), same])
    assert [one.attribute.name for one in found] == ["partly"]
    assert found[0].b > 0.9 > 0.1 > found[0].a
    assert probe_attributes({"a": np.zeros((N, 2)), "b": VIEWS["b"]}, [Attribute("hidden", HIDDEN)])[0].a == 0.0


def test_images_that_are_upside_down_are_told_by_where_they_are_brighter():
    """Light comes from above; A has the mean of both views of every image, B sees which half are upside down."""
    light = np.linspace(40, -40, 8)[:, None]
    pixels = np.clip(RNG.integers(60, 190, (N, 8, 8)) + light, 0, 255).astype(np.uint8)
    pixels[::2] = pixels[::2, ::-1]
    measured = measure_images([Image.fromarray(one) for one in pixels].__getitem__, range(N)).measures
    known = [
        Attribute(name, values, None, MEASURES[name])
        for name, values in zip(MEASURES, measured.T.astype(np.float64), strict=False)
    ]
    known = [one for one in known if len(np.unique(one.values)) > 1 and not np.isnan(one.values).any()]
    seen = pixels.reshape(N, -1).astype(np.float64)
    folded = seen + pixels[:, ::-1].reshape(N, -1)
    told = names(known, {"a": folded, "b": seen})
    assert told["b"][0] == "upper half, brightness" and told["a"] == []
