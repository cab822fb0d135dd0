"""scikit-learn's own checks of estimators, as far as they apply to one that takes two representations.

They do apply to the constructor, `get_params`, `set_params`, `clone` and the representation as text. Those that
call `fit(X)` or `fit(X, y)` do not, since y here is a second representation of the same items and never a target:
`check_estimator` as a whole (it fits one X with n = 20 … 300 and a vector y, and expects `n_features_in_` and
`predict` or `transform`), `check_fit2d_1feature` and its kin, sample weights, data frames' column names, sparse
input and array-API checks. What they would look at is tested here and in test_rdx.py and test_errors.py on pairs.
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks

import baselines
from rdx import RDX
from rdx.errors import InputError
from rdx.method.rdx import RDXPaper

CHECKS = (
    "check_no_attributes_set_in_init", "check_parameters_default_constructible", "check_get_params_invariance",
    "check_set_params", "check_estimator_repr", "check_mixin_order", "check_estimator_cloneable",
)  # fmt: skip
ESTIMATORS = {"RDX": RDX, "RDXPaper": RDXPaper} | {name: baselines.get(name) for name in baselines.names()}
FAST = ("RDX", "RDXPaper", "kmeans", "pca")


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.random((40, 5)), rng.random((40, 3))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_scikit_learns_checks(name, check):
    getattr(estimator_checks, check)(ESTIMATORS[name].__name__, ESTIMATORS[name]())


@pytest.mark.parametrize("name", FAST)
def test_a_clone_fits_alike_and_starts_unfitted(name, pair):
    fitted = ESTIMATORS[name](n_clusters=3, random_state=4).fit(*pair)
    again = clone(fitted)
    assert not hasattr(again, "a_not_b_") and again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.fit(*pair).a_not_b_.labels, fitted.a_not_b_.labels)


@pytest.mark.parametrize("name", FAST)
def test_fit_changes_no_input_and_takes_what_may_not_be_written(name, pair):
    before = [values.copy() for values in pair]
    for values in pair:
        values.flags.writeable = False
    ESTIMATORS[name](n_clusters=3).fit(*pair)
    for values, kept in zip(pair, before, strict=True):
        np.testing.assert_array_equal(values, kept)


@pytest.mark.parametrize("name", FAST)
def test_users_may_pickle_what_they_fitted(name, pair):
    fitted = ESTIMATORS[name](n_clusters=3).fit(*pair)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.get_params() == fitted.get_params()
    for direction in ("a_not_b_", "b_not_a_"):
        one, other = getattr(fitted, direction), getattr(again, direction)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert [concept.number for concept in one.concepts] == [concept.number for concept in other.concepts]


def test_wrong_names_of_parameters_are_refused():
    with pytest.raises(ValueError, match="n_cluster"):
        RDX().set_params(n_cluster=3)
    with pytest.raises(InputError, match="n_clusters"):
        RDX().set_params(n_clusters=-1).fit(np.eye(8), np.eye(8) ** 2 + np.arange(8))
