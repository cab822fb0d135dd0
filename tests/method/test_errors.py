"""What wrong input gets: one clear line that names the thing at fault."""

from __future__ import annotations

import numpy as np
import pytest

from rdx import RDX
from rdx.errors import InputError
from rdx.method.rdx import RDXPaper


def pair(n=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), rng.normal(size=(n, 3))


def refused(match, *inputs, estimator=RDX, fit=None, **settings):
    with pytest.raises(InputError, match=match) as caught:
        estimator(**settings).fit(*(inputs or pair()), **(fit or {}))
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("estimator", [RDX, RDXPaper])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_not_finite(estimator, bad, which):
    inputs = [X.copy() for X in pair()]
    inputs[which][17, 1] = bad
    refused(r"\b17\b", *inputs, estimator=estimator, n_clusters=3)


def test_not_finite_in_a_mapped_representation():
    A, B = pair()
    mapped = A.copy()
    mapped[23] = np.nan
    refused(r"\b23\b", A, B, fit={"a_to_b": B, "b_to_a": mapped}, n_clusters=3)


@pytest.mark.parametrize("shape", [(40,), (40, 2, 2), (40, 0)])
def test_not_a_matrix(shape):
    A, _ = pair()
    refused("shape|dimension|column|feature|2-D|two", A, np.zeros(shape), n_clusters=3)


def test_not_numbers():
    A, _ = pair()
    refused("number|numeric", A, np.full((40, 2), "x"), n_clusters=3)


def test_different_numbers_of_items():
    A, B = pair()
    refused(r"\b40\b.*\b39\b", A, B[:39], n_clusters=3)


def test_mapped_representations_of_other_items():
    A, B = pair()
    refused(r"\b39\b", A, B, fit={"a_to_b": B[:39], "b_to_a": A}, n_clusters=3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_too_few_items(n):
    refused(r"\b4\b", *(X[:n] for X in pair()), n_clusters=1)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_fewer_items_than_clusters(version):
    inputs = [X[:6] for X in pair()]
    refused("n_clusters|cluster", *inputs, n_clusters=6, version=version)
    refused("n_clusters|cluster", *inputs, n_clusters=50, version=version)
    RDX(n_clusters=4, version=version).fit(*inputs)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_smallest_comparison_runs(version):
    RDX(n_clusters=1, version=version).fit(*(X[:4] for X in pair()))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_representations(which, value):
    inputs = list(pair())
    inputs[which] = np.full((40, 5), value)
    refused("constant|same|identical|equal", *inputs, n_clusters=3)


@pytest.mark.parametrize("name, wrong, nearest", [
    ("version", "v3", "v2"),
    ("distance", "neighbourhood", "neighborhood"),
    ("distance", "max_normalised", "max_normalized"),
    ("difference", "localy_biased", "locally_biased"),
    ("clustering", "spectra", "spectral"),
    ("clustering", "page_rank", "pagerank"),
    ("selection", "max_total_afinity", "max_total_affinity"),
    ("alignment", "cca", "cka"),
    ("alignment", "rigde", "ridge"),
    ("guidance_rule", "papers", "paper"),
    ("solver", "dence", "dense"),
])  # fmt: skip
def test_misspelt_names_get_the_nearest(name, wrong, nearest):
    refused(nearest, **{"n_clusters": 3, name: wrong})


@pytest.mark.parametrize("name, wrong", [
    ("n_clusters", 0), ("n_clusters", -1), ("n_clusters", 2.5), ("n_clusters", "3"),
    ("images_per_concept", 0), ("images_per_concept", -3),
    ("gamma", 0), ("gamma", -0.1), ("gamma", np.nan), ("gamma", "autom"),
    ("beta", 0), ("beta", -5), ("beta", np.inf),
    ("sigma", 0), ("cluster_size", 0), ("min_concept_size", 0), ("min_concept_size", "half"),
    ("null_threshold", np.nan),
])  # fmt: skip
def test_values_out_of_range_name_the_parameter(name, wrong):
    settings = {"n_clusters": 3, name: wrong}
    if name == "sigma":
        settings["distance"] = "local_scaling"
    if name == "cluster_size":
        settings["clustering"] = "pagerank"
    refused(name, **settings)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_plain_differences_of_ranks_need_normalization(version):
    refused("normalize_difference", n_clusters=3, difference="plain", version=version)
    RDX(n_clusters=3, difference="plain", normalize_difference=True, version=version).fit(*pair())


def groups(n=40):
    return {"groups_a": np.arange(n) % 2, "groups_b": np.arange(n) % 3}


@pytest.mark.parametrize("rule", ["own", "paper"])
def test_guidance_belongs_to_v2_and_to_ranks(rule):
    refused("v1|v2", fit=groups(), n_clusters=3, version="v1", guidance_rule=rule)
    refused("v1|v2", fit=groups(), n_clusters=3, estimator=RDXPaper)
    for distance in ("max_normalized", "local_scaling"):
        refused("neighborhood", fit=groups(), n_clusters=3, distance=distance, guidance_rule=rule)
    RDX(n_clusters=3, guidance_rule=rule).fit(*pair(), **groups())


def test_groups_of_other_items():
    refused(r"\b39\b", fit={**groups(), "groups_b": np.zeros(39, int)}, n_clusters=3)


def test_half_a_pair_of_extras_is_refused():
    A, B = pair()
    refused("b_to_a", A, B, fit={"a_to_b": B}, n_clusters=3)
    refused("groups_b", A, B, fit={"groups_a": np.arange(40) % 2}, n_clusters=3)


def test_a_refused_fit_leaves_no_result():
    rdx = RDX(n_clusters=100)
    with pytest.raises(InputError):
        rdx.fit(*pair())
    assert not hasattr(rdx, "a_not_b_")
