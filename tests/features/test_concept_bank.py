"""The bank of linear SVMs against a plain loop and a quadratic programme, and what its distances mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.svm import SVC

from rdx.errors import InputError
from rdx.features.concept_bank import fit_bank, project


@pytest.fixture(scope="module")
def made():
    """80 items in 6 dimensions; 5 attributes that lie along directions, with noise."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 6)).astype(np.float32)
    present = features @ rng.normal(size=(6, 5)) + 0.5 * rng.normal(size=(80, 5)) > 0.3
    return features, present


def test_against_a_plain_loop(made):
    features, present = made
    found = project(features, fit_bank(features, present, C=0.1, n_positive=20, n_negative=15, seed=9))
    rng = np.random.default_rng(9)
    for j in range(5):
        positive = [i for i in range(80) if present[i, j]]
        negative = [i for i in range(80) if not present[i, j]]
        if len(positive) > 20:
            positive = rng.choice(positive, 20, replace=False).tolist()
        if len(negative) > 15:
            negative = rng.choice(negative, 15, replace=False).tolist()
        chosen = sorted(positive + negative)
        machine = SVC(kernel="linear", C=0.1).fit(features[chosen].astype(float), [bool(present[i, j]) for i in chosen])
        w, b = machine.coef_[0], machine.intercept_[0]
        for i in range(80):
            x = features[i].astype(float)
            distance = (sum(w[d] * x[d] for d in range(6)) + b) / sum(w[d] ** 2 for d in range(6)) ** 0.5
            assert found[i, j] == pytest.approx(distance, abs=1e-10)


def test_the_planes_solve_the_soft_margin_problem(made):
    """min ½‖w‖² + C Σ max(0, 1 − y (w·x + b)), by its dual in SciPy."""
    features, present = made
    features, present = features[:30, :3].astype(float), present[:30, :1]
    bank = fit_bank(features, present, C=0.1, n_positive=100, n_negative=100, seed=0)
    y = np.where(present[:, 0], 1.0, -1.0)
    gram = (features @ features.T) * np.outer(y, y)
    solved = minimize(
        lambda a: 0.5 * a @ gram @ a - a.sum(),
        np.full(30, 0.01),
        jac=lambda a: gram @ a - 1,
        bounds=[(0, 0.1)] * 30,
        constraints={"type": "eq", "fun": lambda a: a @ y, "jac": lambda a: y},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 2000},
    )
    w = (solved.x * y) @ features
    free = (solved.x > 1e-6) & (solved.x < 0.1 - 1e-6)
    b = (y - features @ w)[free].mean()
    assert np.allclose(bank.weights[0], w, atol=2e-3) and bank.biases[0] == pytest.approx(b, abs=5e-3)


def test_distances_do_not_depend_on_the_length_of_a_normal(made):
    features, present = made
    bank = fit_bank(features, present, C=1.0, n_positive=100, n_negative=100, seed=0)
    distances = project(features, bank)
    lengths = np.linalg.norm(bank.weights, axis=1)
    foot = features[3] - distances[3, 2] * bank.weights[2] / lengths[2]  # the nearest point of plane 2
    assert bank.weights[2] @ foot + bank.biases[2] == pytest.approx(0, abs=1e-6)
    assert distances.shape == (80, 5) and distances.dtype == np.float64
    assert np.mean((distances > 0) == present) > 0.85


def test_how_many_samples_and_how_well_they_do_elsewhere(made):
    features, present = made
    bank = fit_bank(features, present, C=1.0, n_positive=10, n_negative=1000, seed=0)
    assert bank.n_positive.tolist() == [min(10, count) for count in present.sum(axis=0)]
    assert bank.n_negative.tolist() == (80 - present.sum(axis=0)).tolist()
    assert np.all((bank.accuracy >= 0) & (bank.accuracy <= 1))
    everything = fit_bank(features, present, C=1.0, n_positive=100, n_negative=100, seed=0)
    assert np.isnan(everything.accuracy).all()


def test_the_seed_decides(made):
    features, present = made
    runs = [fit_bank(features, present, C=0.1, n_positive=10, n_negative=10, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0].weights, runs[1].weights) and not np.array_equal(runs[0].weights, runs[2].weights)


def test_what_is_refused(made):
    features, present = made
    settings = {"C": 0.1, "n_positive": 10, "n_negative": 10, "seed": 0}
    present = present.copy()
    present[:, 3] = True
    with pytest.raises(InputError, match="attribute 3 is present in all 80 items"):
        fit_bank(features, present, **settings)
    present[:, 3] = False
    with pytest.raises(InputError, match="attribute 3 is absent in all 80 items"):
        fit_bank(features, present, **settings)
    flat = np.ones((80, 2))
    with pytest.raises(InputError, match="attribute 0 cannot be told from the features"):
        fit_bank(flat, made[1], **settings)
