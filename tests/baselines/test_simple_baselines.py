"""KMeans, PCA and NMF against scikit-learn itself, and the interface that all baselines share."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import cluster, decomposition
from sklearn.base import clone

import baselines
from rdx.errors import InputError

NAMES = ("kmeans", "nmf", "pca")


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), [40, 35, 30, 25, 20, 10])[rng.permutation(160)]
    A = np.abs(rng.normal(size=(6, 12)) * 3)[groups] + rng.random((160, 12))
    B = np.abs(rng.normal(size=(6, 7)) * 3)[rng.permutation(groups)] + rng.random((160, 7))
    return A, B


def same(first, second) -> bool:
    """Whether two Explanations hold the same bytes."""

    def content(e):
        arrays = [e.labels, e.coefficients, e.dictionary, *e.grids, *(c.members for c in e.concepts)]
        return [None if array is None else array.tobytes() for array in arrays]

    return content(first) == content(second)


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_keeps_the_contract(pair, name):
    A, B = pair
    before = A.tobytes(), B.tobytes()
    method = baselines.get(name)(n_clusters=4, images_per_concept=5)
    assert method.fit(A, B) is method
    assert (A.tobytes(), B.tobytes()) == before
    for direction, found in (("a_not_b", method.a_not_b_), ("b_not_a", method.b_not_a_)):
        assert found.direction == direction
        assert found.labels.shape == (160,) and found.labels.dtype == np.int64
        assert [c.number for c in found.concepts] == [1, 2, 3, 4]
        assert found.reconstruction_error > 0
        for concept in found.concepts:
            assert len(set(concept.indices)) == 5
            assert concept.mean_affinity is None
            np.testing.assert_array_equal(concept.members, np.flatnonzero(found.labels == concept.number))
    again = clone(method).fit(A, B)
    swapped = clone(method).fit(B, A)
    for first, second in ((method, again), (method, swapped)):
        mirrored = second is swapped
        assert same(first.a_not_b_, second.b_not_a_ if mirrored else second.a_not_b_)
        assert same(first.b_not_a_, second.a_not_b_ if mirrored else second.b_not_a_)


def test_kmeans_equals_scikit_learn_and_orders_by_size(pair):
    A, B = pair
    found = baselines.create("kmeans", n_clusters=6, random_state=3).fit(A, B).a_not_b_
    reference = cluster.KMeans(6, n_init=10, random_state=3).fit(A)
    sizes = [c.size for c in found.concepts]
    assert sizes == sorted(np.bincount(reference.labels_), reverse=True) == [40, 35, 30, 25, 20, 10]
    assert found.reconstruction_error == pytest.approx(np.sqrt(reference.inertia_))
    for concept, centre in zip(found.concepts, found.dictionary, strict=True):
        own = reference.labels_[concept.members[0]]
        np.testing.assert_array_equal(concept.members, np.flatnonzero(reference.labels_ == own))
        np.testing.assert_allclose(centre, A[concept.members].mean(axis=0))
        distances = np.linalg.norm(A - centre, axis=1)
        nearest = sorted(concept.members, key=lambda item: distances[item])[:9]
        np.testing.assert_array_equal(concept.indices, nearest)


def test_kmeans_ties_in_size_go_to_the_lower_first_member_and_small_clusters_give_small_grids():
    A = np.array([[9.0], [0.0], [9.1], [0.1], [5.0]])
    found = baselines.create("kmeans", n_clusters=3).fit(A, A).a_not_b_
    assert found.labels.tolist() == [1, 2, 1, 2, 3]
    assert [len(grid) for grid in found.grids] == [2, 2, 1]
    all_items = baselines.create("kmeans", n_clusters=3, from_all=True).fit(A, A).a_not_b_
    assert [len(grid) for grid in all_items.grids] == [5, 5, 5]
    assert all_items.grids[2].tolist()[0] == 4


def test_kmeans_with_fewer_distinct_items_than_clusters_says_so():
    A = np.repeat([[0.0, 1.0], [4.0, 4.0]], 5, axis=0)
    found = baselines.create("kmeans", n_clusters=4).fit(A, A).a_not_b_
    assert len(found.concepts) == 2
    assert found.notes == ["2 concepts instead of 4: there are no more distinct items"]


def test_pca_equals_scikit_learn(pair):
    A, B = pair
    found = baselines.create("pca", n_clusters=3).fit(A, B).a_not_b_
    reference = decomposition.PCA(3).fit(A)
    scores = reference.transform(A)
    np.testing.assert_allclose(found.coefficients, scores, atol=1e-9)
    np.testing.assert_allclose(found.dictionary, reference.components_, atol=1e-9)
    rest = A - A.mean(axis=0) - scores @ reference.components_
    assert found.reconstruction_error == pytest.approx(np.sqrt((rest**2).sum()))
    check_grids_and_labels(found, scores)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_nmf_equals_scikit_learn(pair):
    A, B = pair
    found = baselines.create("nmf", n_clusters=4, random_state=5, max_iter=400).fit(A, B).b_not_a_
    reference = decomposition.NMF(4, random_state=5, max_iter=400)
    U = reference.fit_transform(B)
    np.testing.assert_allclose(found.coefficients, U, atol=1e-6)
    np.testing.assert_allclose(found.dictionary, reference.components_, atol=1e-6)
    residual = np.linalg.norm(B - U @ reference.components_)
    assert found.reconstruction_error == pytest.approx(residual, rel=1e-6)
    check_grids_and_labels(found, U)


def check_grids_and_labels(found, U):
    for column, concept in enumerate(found.concepts):
        largest = sorted(range(len(U)), key=lambda item: -U[item, column])[:9]
        assert concept.indices.tolist() == largest
    for item, row in enumerate(U):
        assert found.labels[item] == (1 + int(np.argmax(row)) if row.max() > 0 else 0)


def test_shown_columns_come_first_and_unshown_ones_label_nothing():
    from baselines.base import from_coefficients

    U = np.array([[0.0, 5.0, 1.0], [0.0, 4.0, 0.0], [2.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    found = from_coefficients("a_not_b", U, np.arange(6.0).reshape(3, 2), 2, shown=[2, 0])
    assert found.coefficients.tolist() == U[:, [2, 0, 1]].tolist()
    assert found.dictionary.tolist() == [[4, 5], [0, 1], [2, 3]]
    assert found.labels.tolist() == [1, 0, 2, 0]
    assert [grid.tolist() for grid in found.grids] == [[0, 2], [2, 0]]
    nothing = from_coefficients("a_not_b", U, np.zeros((3, 2)), 2, shown=[])
    assert nothing.concepts == [] and not nothing.labels.any()


def test_more_components_than_the_features_have_is_noted():
    rng = np.random.default_rng(0)
    flat = rng.random((20, 2)) @ rng.random((2, 9))  # rank 2
    pca = baselines.create("pca", n_clusters=5).fit(flat, rng.random((20, 9)))
    assert [len(e.concepts) for e in (pca.a_not_b_, pca.b_not_a_)] == [2, 5]
    assert pca.a_not_b_.notes == ["2 concepts instead of 5: the features have no more independent directions"]
    assert pca.b_not_a_.notes == []
    assert pca.a_not_b_.dictionary.shape == (2, 9)
    narrow = baselines.create("nmf", n_clusters=5, max_iter=1).fit(rng.random((20, 3)), flat).a_not_b_
    assert "nmf stopped after 1 iterations before it converged" in narrow.notes
    assert len(narrow.concepts) <= 5


def test_wrong_input_is_named(pair):
    A, B = pair
    with pytest.raises(InputError, match="representation B has negative ones \\(row 4\\): use method cnmf"):
        baselines.create("nmf").fit(A, np.where(np.arange(160)[:, None] == 4, -B, B))
    with pytest.raises(InputError, match="A has 160 items, B has 159"):
        baselines.create("pca").fit(A, B[1:])
    with pytest.raises(InputError, match="n_clusters: 200 concepts"):
        baselines.create("kmeans", n_clusters=200).fit(A, B)
    with pytest.raises(InputError, match="at least 4 items, got 3"):
        baselines.create("kmeans", n_clusters=2).fit(A[:3], B[:3])
    with pytest.raises(InputError, match="representation A: row 7"):
        baselines.create("pca").fit(np.where(np.arange(160)[:, None] == 7, np.inf, A), B)
    with pytest.raises(InputError, match="representation B is constant"):
        baselines.create("pca").fit(A, np.ones((160, 3)))
    wrong = [("n_clusters", 0), ("n_clusters", 2.5), ("images_per_concept", True), ("random_state", None)]
    for key, value in wrong:
        with pytest.raises(InputError, match=key):
            baselines.create("kmeans", **{key: value}).fit(A, B)


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match="unknown method 'kmean'; did you mean 'kmeans'"):
        baselines.get("kmean")
    with pytest.raises(InputError, match="parameter of kmeans 'n_cluster'; did you mean 'n_clusters'"):
        baselines.create("kmeans", n_cluster=3)
    assert baselines.names() == sorted(baselines.names())
    assert set(NAMES) <= set(baselines.names())
    assert baselines.parameters("kmeans")["from_all"] is False


def test_tensors_are_taken(pair):
    import torch

    A, B = (X.astype(np.float32) for X in pair)
    arrays = baselines.create("pca").fit(A, B)
    tensors = baselines.create("pca").fit(torch.from_numpy(A), torch.from_numpy(B))
    assert same(arrays.a_not_b_, tensors.a_not_b_)
