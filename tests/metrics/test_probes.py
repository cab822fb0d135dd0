"""Probes against scikit-learn's own cross-validation, and what rare classes get."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.metrics.probes import agreement, linear_probe

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, size=200)
    X = rng.normal(size=(4, 6))[labels] * 1.2 + rng.normal(size=(200, 6))
    X[:, 0] *= 100  # standardising matters
    return X, labels + 3


def test_default_equals_scikit_learns_pipeline(blobs):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, labels = blobs
    folds = StratifiedKFold(5, shuffle=True, random_state=7)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    expected = cross_val_predict(model, X, labels, cv=folds)
    probe = linear_probe(X, labels, seed=7)
    np.testing.assert_array_equal(probe.predictions, expected)
    parts = [held_out for _, held_out in folds.split(X, labels)]
    for fold, held_out in enumerate(parts):
        np.testing.assert_array_equal(np.flatnonzero(probe.folds == fold), held_out)
    assert probe.fold_accuracy == pytest.approx([np.mean(expected[p] == labels[p]) for p in parts])
    assert probe.accuracy == pytest.approx(probe.fold_accuracy.mean())
    assert 0.5 < probe.accuracy < 1


def test_original_variant_equals_its_definition(blobs):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import KFold, cross_val_predict

    X, labels = blobs
    folds = KFold(5, shuffle=True, random_state=0)
    expected = cross_val_predict(LogisticRegression(max_iter=100), X, labels, cv=folds)
    got = linear_probe(X, labels, seed=99, variant="original")  # the seed plays no part
    np.testing.assert_array_equal(got.predictions, expected)
    assert (got.predictions != linear_probe(X, labels).predictions).any()


def test_deterministic_and_agreement_per_fold(blobs):
    X, labels = blobs
    a, again, b = linear_probe(X, labels), linear_probe(X, labels), linear_probe(X[:, :2], labels)
    np.testing.assert_array_equal(a.predictions, again.predictions)
    shares = [(a.predictions == b.predictions)[a.folds == fold].mean() for fold in range(5)]
    assert agreement(a, b) == pytest.approx(shares)
    assert agreement(a, again).tolist() == [1.0] * 5
    with pytest.raises(InputError, match="same folds"):
        agreement(a, linear_probe(X, labels, seed=1))


@pytest.mark.parametrize("variant", ["default", "original"])
def test_a_rare_class_stops_nothing(blobs, variant):
    X, labels = blobs
    labels = np.where(np.arange(200) == 17, 50, np.where(np.arange(200) < 3, 40, labels))
    probe = linear_probe(X, labels, variant=variant)
    assert len(probe.fold_accuracy) == 5
    assert probe.predictions[17] != 50  # never seen in training
    if variant == "default":
        assert probe.notes == ["fewer than 5 items in class 40, 50: some folds lack it"]


def test_tiny_data_gets_fewer_folds_and_one_sided_folds_predict_their_class():
    X = np.arange(8.0).reshape(4, 2)
    probe = linear_probe(X, [0, 0, 0, 1])
    assert len(probe.fold_accuracy) == 3
    assert probe.predictions[3] == 0
    assert "3 folds instead of 5" in probe.notes[0]


def test_wrong_input_is_named(blobs):
    X, labels = blobs
    with pytest.raises(InputError, match="expected 200"):
        linear_probe(X, labels[:-1])
    with pytest.raises(InputError, match="whole numbers"):
        linear_probe(X, labels + 0.5)
    with pytest.raises(InputError, match="at least two classes"):
        linear_probe(X, np.zeros(200, dtype=int))
    with pytest.raises(InputError, match="occurs once"):
        linear_probe(X, np.arange(200))
    with pytest.raises(InputError, match="did you mean 'original'"):
        linear_probe(X, labels, variant="orignal")
