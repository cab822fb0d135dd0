"""The estimator: labels, order, null rules, aligned runs, and what scikit-learn expects of it."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import oracle
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from rdx import RDX
from rdx.method.concepts import DIRECTIONS
from rdx.method.many import directions
from rdx.method.neighborhoods import as_points
from rdx.method.rdx import RDXPaper


@cache
def planted(seed=0, groups=2):
    return oracle.planted_pair(n=300, size=30, groups=groups, seed=seed)


@cache
def unrelated(n=120):
    """Two representations that share nothing: many concepts, no clean borders."""
    rng = np.random.default_rng(21)
    return rng.normal(size=(n, 6)), rng.normal(size=(n, 5))


def both(rdx):
    return rdx.a_not_b_, rdx.b_not_a_


# ---- labels, order, null -------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("gamma", [0.05, 0.1])
@pytest.mark.parametrize("seed", [0, 1])
def test_labels_equal_scikit_learn_on_the_oracle_affinity(version, gamma, seed):
    A, B, _, _ = planted(seed)
    rdx = RDX(n_clusters=2, version=version, gamma=gamma, random_state=seed).fit(A, B)
    for explanations, X, Y in ((rdx.a_not_b_, A, B), (rdx.b_not_a_, B, A)):
        expected, _ = oracle.spectral_concepts(X, Y, 2, version=version, gamma=gamma)
        assert adjusted_rand_score(explanations.labels, expected) >= 0.95
        assert explanations.labels.max() == expected.max()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_concepts_describe_the_labels(version):
    A, B = unrelated()
    rdx = RDX(n_clusters=4, version=version, keep_matrices=True).fit(A, B)
    for direction, explanations in zip(DIRECTIONS, both(rdx), strict=True):
        assert explanations.direction == direction
        assert explanations.labels.shape == (len(A),)
        assert np.issubdtype(explanations.labels.dtype, np.integer)
        assert [c.number for c in explanations.concepts] == list(range(1, explanations.labels.max() + 1))
        strengths = [c.mean_affinity for c in explanations.concepts]
        assert strengths == sorted(strengths, reverse=True)
        W = np.asarray(explanations.affinity, dtype=float)
        for concept in explanations.concepts:
            members = np.flatnonzero(explanations.labels == concept.number)
            np.testing.assert_array_equal(concept.members, members)
            assert concept.mean_affinity == pytest.approx(oracle.mean_affinity(W, members), rel=1e-5)
        null = np.flatnonzero(explanations.labels == 0)
        if len(null):
            assert explanations.null_affinity == pytest.approx(oracle.mean_affinity(W, null), rel=1e-5)
        for i, label in enumerate(explanations.labels):
            own = explanations.labels == label
            assert explanations.item_affinity[i] == pytest.approx(W[i, own].mean(), rel=1e-4)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_v1_gives_its_weakest_cluster_away_and_keeps_exactly_k(k):
    A, B = unrelated()
    for explanations in both(RDX(n_clusters=k, version="v1", keep_matrices=True).fit(A, B)):
        assert len(explanations.concepts) == k
        null = oracle.mean_affinity(explanations.affinity, np.flatnonzero(explanations.labels == 0))
        assert null <= min(c.mean_affinity for c in explanations.concepts)


def test_v1_null_threshold_plays_no_part():
    A, B = unrelated()
    low, high = (RDX(n_clusters=3, version="v1", null_threshold=t).fit(A, B) for t in (0.0, 100.0))
    np.testing.assert_array_equal(low.a_not_b_.labels, high.a_not_b_.labels)


def test_v2_merges_what_is_below_the_threshold():
    A, B = unrelated()

    def fit(threshold):
        return RDX(n_clusters=4, null_threshold=threshold, min_concept_size=1).fit(A, B).a_not_b_

    everything = fit(0.0)
    assert len(everything.concepts) == 5 and everything.null_size == 0
    strengths = [c.mean_affinity for c in everything.concepts]
    for kept in range(1, 5):
        some = fit((strengths[kept - 1] + strengths[kept]) / 2)
        assert len(some.concepts) == kept
        expected = np.where(everything.labels <= kept, everything.labels, 0)
        np.testing.assert_array_equal(some.labels, expected)
    nothing = fit(strengths[0] + 1)
    assert not nothing.concepts and not nothing.labels.any() and nothing.grids == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_smallest_concepts_go_to_null_and_are_counted(version):
    A, B = unrelated()
    settings = {"n_clusters": 8, "version": version, "gamma": 0.05, "null_threshold": 0.0}
    free = RDX(min_concept_size=1, **settings).fit(A, B).a_not_b_
    sizes = sorted(c.size for c in free.concepts)
    limit = sizes[1] + 1
    bounded = RDX(min_concept_size=limit, **settings).fit(A, B).a_not_b_
    assert bounded.concepts and min(c.size for c in bounded.concepts) >= limit
    assert any(character.isdigit() for note in bounded.notes for character in note)
    assert not free.notes


def test_min_concept_size_auto_is_half_a_grid_in_v2_and_one_in_v1():
    A, B = unrelated()
    for version, size in (("v1", 1), ("v2", 5)):
        settings = {"n_clusters": 8, "version": version, "gamma": 0.05}
        auto, own = RDX(**settings).fit(A, B), RDX(min_concept_size=size, **settings).fit(A, B)
        for a, b in zip(both(auto), both(own), strict=True):
            np.testing.assert_array_equal(a.labels, b.labels)
    small = RDX(n_clusters=8, gamma=0.05, images_per_concept=30).fit(A, B)
    assert all(c.size >= 15 for explanations in both(small) for c in explanations.concepts)


def test_a_tiny_strong_cluster_is_replaced_by_asking_for_more():
    """Two items that only A holds together are no concept; the planted groups are still all found."""
    A, B, truth, _ = (list(part) if isinstance(part, list) else part.copy() for part in planted())
    rest = np.setdiff1d(np.arange(300), np.concatenate([*truth, *planted()[3]]))
    twins = rest[:2]
    A = np.hstack([A, np.zeros((300, 1))])
    A[twins] = 0.001 * np.arange(2)[:, None]
    A[twins, -1] += 40
    found = RDX(n_clusters=2).fit(A, B).a_not_b_
    assert all(c.size >= 5 for c in found.concepts)
    for members in truth:
        assert max(oracle.jaccard(c.members, members) for c in found.concepts) >= 0.95


# ---- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("clustering", ["spectral", "pagerank", "eigenvector_centrality"])
def test_the_same_for_any_number_of_threads(version, clustering):
    A, B = unrelated(250)
    results = []
    for threads in (1, 2, 4):
        with threadpool_limits(limits=threads):
            rdx = RDX(n_clusters=4, version=version, clustering=clustering, random_state=3).fit(A, B)
        results.append(rdx)
    for other in results[1:]:
        for a, b in zip(both(results[0]), both(other), strict=True):
            np.testing.assert_array_equal(a.labels, b.labels)
            for grid_a, grid_b in zip(a.grids, b.grids, strict=True):
                np.testing.assert_array_equal(grid_a, grid_b)


def test_torch_threads_and_global_seeds_play_no_part():
    A, B = unrelated()
    before = torch.get_num_threads()
    labels = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        torch.manual_seed(threads)
        np.random.seed(threads)  # noqa: NPY002
        labels.append(RDX(n_clusters=4).fit(A, B).a_not_b_.labels)
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*labels)


# ---- aligned with maps learnt elsewhere ----------------------------------------------------------


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_aligned_directions_compare_their_own_pairs(version):
    A, B, _, _ = planted()
    rng = np.random.default_rng(4)
    rotation = np.linalg.qr(rng.normal(size=(A.shape[1],) * 2))[0]
    # a_not_b sees no difference any more; b_not_a is as it was, but for a rotation
    rdx = RDX(n_clusters=2, version=version).fit(A, B, a_to_b=A @ rotation, b_to_a=A @ rotation)
    plain = RDX(n_clusters=2, version=version).fit(A, B)
    assert adjusted_rand_score(rdx.b_not_a_.labels, plain.b_not_a_.labels) >= 0.95
    if version == "v2":
        assert not rdx.a_not_b_.concepts
    else:
        # Two items whose near-tie the rotation swaps are a cluster, of hardly any difference.
        assert all(c.mean_affinity == pytest.approx(1, abs=2e-3) for c in rdx.a_not_b_.concepts)


# ---- the contract --------------------------------------------------------------------------------


DEFAULTS = {
    "n_clusters": 5, "version": "v2", "distance": "neighborhood", "difference": "locally_biased",
    "gamma": 0.1, "beta": 5.0, "normalize_difference": False, "sigma": 7, "clustering": "spectral",
    "cluster_size": 9, "selection": "max_total_affinity", "images_per_concept": 9,
    "null_threshold": 1.1, "min_concept_size": "auto", "alignment": None, "guidance_rule": "own",
    "solver": "auto", "keep_matrices": False, "random_state": 0, "device": "auto",
}  # fmt: skip


def test_names_and_defaults_are_those_users_rely_on():
    assert {name: RDX().get_params()[name] for name in DEFAULTS} == DEFAULTS
    assert RDXPaper().get_params()["n_clusters"] == 5


@pytest.mark.parametrize("estimator", [RDX, RDXPaper])
def test_parameters_are_stored_as_given(estimator):
    names = [name for name in inspect.signature(estimator.__init__).parameters if name != "self"]
    assert sorted(estimator().get_params()) == sorted(names)
    given = estimator(n_clusters=3, gamma=0.05, selection="random")
    assert given.get_params()["gamma"] == 0.05
    assert clone(given).get_params() == given.get_params()
    assert given.set_params(beta=2.0) is given and given.beta == 2.0
    with pytest.raises(ValueError):
        given.set_params(gama=1)


def test_wrong_values_wait_until_fit():
    wrong = RDX(version="v3")
    assert clone(wrong).version == "v3"
    with pytest.raises(ValueError):
        wrong.fit(*unrelated())


def test_fit_returns_self_changes_no_parameter_and_no_input():
    A, B = (X.copy() for X in unrelated())
    kept = A.copy(), B.copy()
    A.setflags(write=False)
    B.setflags(write=False)
    rdx = RDX(n_clusters=3)
    before = rdx.get_params()
    fitted_before_fit = [name for name in vars(rdx) if name.endswith("_")]
    assert not fitted_before_fit
    assert rdx.fit(A, B) is rdx
    assert rdx.get_params() == before
    np.testing.assert_array_equal(A, kept[0])
    np.testing.assert_array_equal(B, kept[1])
    assert "dense" in str(rdx.solver_)


def test_a_second_fit_forgets_the_first():
    A, B = unrelated()
    rdx = RDX(n_clusters=3).fit(A[:60], B[:60])
    rdx.fit(B, A)
    fresh = RDX(n_clusters=3).fit(B, A)
    np.testing.assert_array_equal(rdx.a_not_b_.labels, fresh.a_not_b_.labels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_are_accepted(dtype):
    A, B = (torch.as_tensor(X, dtype=dtype) for X in unrelated())
    of_tensors = RDX(n_clusters=3).fit(A.requires_grad_(), B)
    of_arrays = RDX(n_clusters=3).fit(A.detach().numpy(), B.numpy())
    for a, b in zip(both(of_tensors), both(of_arrays), strict=True):
        assert isinstance(a.labels, np.ndarray)
        np.testing.assert_array_equal(a.labels, b.labels)


def test_lists_and_strided_arrays_are_accepted():
    A, B = unrelated()
    expected = RDX(n_clusters=3).fit(A, B).a_not_b_.labels
    np.testing.assert_array_equal(RDX(n_clusters=3).fit(A.tolist(), B.tolist()).a_not_b_.labels, expected)
    wide = np.repeat(A, 2, axis=1)[:, ::2]
    got = RDX(n_clusters=3).fit(np.asfortranarray(wide), B).a_not_b_.labels
    np.testing.assert_array_equal(got, expected)


def test_the_paper_estimator_is_version_v1():
    A, B = unrelated()
    paper, v1 = RDXPaper(n_clusters=3).fit(A, B), RDX(n_clusters=3, version="v1").fit(A, B)
    for a, b in zip(both(paper), both(v1), strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        assert [c.mean_affinity for c in a.concepts] == [c.mean_affinity for c in b.concepts]


def test_asking_for_more_clusters_never_loses_the_large_ones():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(120, 8)), rng.normal(size=(120, 8))
    free, limited = (
        RDX(n_clusters=8, version="v1", gamma=0.05, min_concept_size=size).fit(A, B).a_not_b_ for size in (1, 12)
    )
    large = sum(np.count_nonzero(free.labels == label) >= 12 for label in np.unique(free.labels))
    assert len(limited.concepts) + 1 >= large > 1
    assert all(concept.size >= 12 for concept in limited.concepts)


@pytest.mark.parametrize("aligned", [False, True])
def test_shared_distances_change_nothing_and_are_computed_once(aligned, monkeypatch):
    rng = np.random.default_rng(5)
    names = ("A", "B", "a_to_b", "b_to_a") if aligned else ("A", "B")
    arrays = {name: rng.normal(size=(80, 6)).astype(np.float32) for name in names}
    points = {name: as_points(array) for name, array in arrays.items()}
    computed = []
    original = directions.compute_distances
    monkeypatch.setattr(directions, "compute_distances", lambda *a, **k: computed.append(1) or original(*a, **k))
    shared = {}
    for gamma, version in ((0.1, "v2"), (0.3, "v2"), (0.1, "v1")):
        estimator = RDX(3, gamma=gamma, version=version, random_state=1)
        once = clone(estimator).fit_points(points, shared)
        mapped = {name: arrays[name] for name in names[2:]}
        again = clone(estimator).fit(arrays["A"], arrays["B"], **mapped)
        for direction in DIRECTIONS:
            first, second = (getattr(one, f"{direction}_") for one in (once, again))
            assert np.array_equal(first.labels, second.labels)
            assert np.array_equal(first.item_affinity, second.item_affinity)
            assert [c.indices.tolist() for c in first.concepts] == [c.indices.tolist() for c in second.concepts]
    # Two sets of matrices with sharing (v1's are not symmetric), three without.
    assert len(computed) == (2 + 3) * len(names)
