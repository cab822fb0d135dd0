"""The largest eigenvalues: as many as were asked for, whatever LAPACK's search for some of them finds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from rdx.method.numerics.eigenpairs import largest_eigenpairs


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_of_graphs_whose_eigenvalues_coincide(count):
    """Complete graphs: for some sizes LAPACK finds none of two, for others it gives up."""
    for n in range(4, 110):
        root = np.sqrt(np.full(n, n - 1.0))
        graph = (np.ones((n, n)) - np.eye(n)) / np.outer(root, root)
        values, vectors = largest_eigenpairs(graph, count)
        few = min(count, n)
        np.testing.assert_allclose(values, [*[-1 / (n - 1)] * (few - 1), 1.0], atol=1e-12)
        assert vectors.shape == (n, few)
        np.testing.assert_allclose(graph @ vectors, vectors * values, atol=1e-12)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(few), atol=1e-12)


@pytest.mark.parametrize("answer", ["short", "raises"])
def test_a_search_that_fails_is_made_good(answer, monkeypatch):
    def searched(matrix, subset_by_index):
        if answer == "raises":
            raise scipy.linalg.LinAlgError("Internal Error.")
        return np.empty(0), np.empty((len(matrix), 0))

    monkeypatch.setattr(scipy.linalg, "eigh", searched)
    matrix = np.diag([3.0, 1.0, 2.0])
    values, vectors = largest_eigenpairs(matrix, 2)
    np.testing.assert_allclose(values, [2.0, 3.0])
    np.testing.assert_allclose(np.abs(vectors), [[0, 1], [0, 0], [1, 0]])
