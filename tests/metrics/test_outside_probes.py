"""Probes trained on other items, against scikit-learn called by hand and plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.metrics.outside_probes import PROBES, fit_outside_probes

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(3, 5)) * 1.3

    def draw(n: int, classes: int):
        labels = rng.integers(0, classes, n)
        X = centers[labels] + rng.normal(size=(n, 5))
        X[:, 0] *= 50  # standardising matters, for the logistic probe alone
        return X.astype(np.float32), labels + 4

    return draw


@pytest.mark.parametrize("classes", [2, 3])
def test_against_scikit_learn_by_hand(blobs, classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    (X, y), (Z, truth) = blobs(200, classes), blobs(150, classes)
    answers = fit_outside_probes(X, y, k=7).answers(Z)
    assert tuple(answers) == PROBES

    distance = ((Z[:, None].astype(float) - X[None]) ** 2).sum(axis=2)
    votes = y[np.argsort(distance, axis=1, kind="stable")[:, :7]]
    counts = np.stack([(votes == label).sum(axis=1) for label in np.unique(y)], axis=1)
    np.testing.assert_array_equal(answers["knn"].predictions, np.unique(y)[counts.argmax(axis=1)])

    mean, scale = X.astype(float).mean(axis=0), X.astype(float).std(axis=0)
    model = LogisticRegression(max_iter=1000).fit((X - mean) / scale, y)
    np.testing.assert_array_equal(answers["logistic"].predictions, model.predict((Z - mean) / scale))

    for name, found in answers.items():
        measured = found.measures(truth)
        assert measured["accuracy"] == np.mean(found.predictions == truth) > 0.5
        assert measured["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, found.predictions))
        if classes == 2:
            assert measured["auc"] == pytest.approx(roc_auc_score(truth, found.score))
            assert measured["auc"] > 0.6
            expected = counts[:, 1] / 7 if name == "knn" else model.predict_proba((Z - mean) / scale)[:, 1]
            np.testing.assert_allclose(found.score, expected, atol=1e-6)
        else:
            assert measured["auc"] is None and found.score is None


def test_a_constant_representation_says_the_same_of_all(blobs):
    _, y = blobs(60, 2)
    y[:40] = 4
    answers = fit_outside_probes(np.ones((60, 3)), y, k=5).answers(np.ones((20, 3)))
    for found in answers.values():
        assert len(set(found.predictions.tolist())) == 1
    assert (answers["logistic"].predictions == 4).all()
    one_class = answers["logistic"].measures(np.full(20, 5))
    assert one_class == {"accuracy": 0.0, "balanced_accuracy": 0.0, "auc": None}


def test_what_cannot_be_trained_on(blobs):
    X, y = blobs(30, 2)
    with pytest.raises(InputError, match="two classes"):
        fit_outside_probes(X, np.zeros(30, dtype=int))
    with pytest.raises(InputError, match="k = 31, but there are only 30"):
        fit_outside_probes(X, y, k=31)
    with pytest.raises(InputError, match="row 3 .* NaN"):
        fit_outside_probes(np.where(np.arange(30)[:, None] == 3, np.nan, X), y)
    with pytest.raises(InputError, match="30 items, but 29 labels"):
        fit_outside_probes(X, y[1:])
