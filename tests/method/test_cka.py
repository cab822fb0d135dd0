"""Debiased CKA against the n × n definition, and the same code under torch's gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rdx.errors import InputError
from rdx.method import cka as module
from rdx.method.cka import debiased_cka


def plain_cka(X: np.ndarray, Y: np.ndarray) -> float:
    """The definition, with explicit n × n matrices in float64."""

    def centred(X):
        n = len(X)
        K = X.astype(float) @ X.astype(float).T
        np.fill_diagonal(K, 0)
        c = K.sum(axis=0) / (n - 2)
        c = c - c.sum() / (2 * (n - 1))
        K = K - c[:, None] - c[None, :]
        np.fill_diagonal(K, 0)
        return K

    K, L = centred(X), centred(Y)
    return (K * L).sum() / math.sqrt((K * K).sum() * (L * L).sum())


@pytest.mark.parametrize("shape", [(4, 3, 2), (5, 9, 30), (40, 3, 6), (30, 50, 200), (200, 1, 4)])
@pytest.mark.parametrize("by_items", [True, False])
def test_both_forms_equal_the_definition(shape, by_items, monkeypatch):
    n, d_x, d_y = shape
    rng = np.random.default_rng(n)
    X = 5 + rng.normal(size=(n, d_x))  # an offset, which centring must undo
    Y = np.tanh(X @ rng.normal(size=(d_x, d_y))) + rng.normal(size=(n, d_y))
    monkeypatch.setattr(module, "_items_cheaper", lambda *sizes: by_items)
    assert debiased_cka(X, Y) == pytest.approx(plain_cka(X, Y), rel=1e-9, abs=1e-12)


def test_form_is_chosen_by_cost():
    assert module._items_cheaper(100, 500, 500)
    assert not module._items_cheaper(50_000, 768, 768)
    assert not module._items_cheaper(1000, 10, 10)


def test_same_up_to_rotation_shift_and_scale_and_about_zero_when_unrelated():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    Q = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    assert debiased_cka(X, X) == pytest.approx(1)
    assert debiased_cka(X, 1e-7 * X @ Q + 3) == pytest.approx(1)
    assert debiased_cka(1e120 * X, X) == pytest.approx(1)
    # Unbiased: wide unrelated features score about 0, where plain CKA would be near 1.
    wide = [debiased_cka(rng.normal(size=(40, 400)), rng.normal(size=(40, 400))) for _ in range(20)]
    assert abs(np.mean(wide)) < 0.02


def test_float32_is_computed_in_float64():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(100, 5)).astype(np.float32), rng.normal(size=(100, 4)).astype(np.float32)
    got = debiased_cka(X, Y)
    assert isinstance(got, float)
    assert got == pytest.approx(plain_cka(X, Y), rel=1e-9)


@pytest.mark.parametrize("n, d", [(30, 4), (10, 25)])
def test_tensors_get_the_same_value_and_a_right_gradient(n, d):
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, 3))
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(Y)
    value = debiased_cka(x, y)
    assert value.item() == pytest.approx(plain_cka(X, Y), rel=1e-9)
    value.backward()
    step = np.zeros_like(X)
    step[2, 1] = 1e-5
    slope = (plain_cka(X + step, Y) - plain_cka(X - step, Y)) / 2e-5
    assert x.grad[2, 1].item() == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_undefined_where_all_items_are_equally_far_apart():
    assert math.isnan(debiased_cka(np.eye(6), np.arange(12.0).reshape(6, 2)))


def test_wrong_input_is_named():
    X = np.arange(12.0).reshape(6, 2)
    with pytest.raises(InputError, match="at least 4 items, got 3"):
        debiased_cka(X[:3], X[:3])
    with pytest.raises(InputError, match="X has 6, Y has 5"):
        debiased_cka(X, X[:5])
    with pytest.raises(InputError, match="constant"):
        debiased_cka(np.ones((6, 2)), X)
    with pytest.raises(InputError, match="row 1"):
        debiased_cka(X, np.where(np.isin(X, X[1, 0]), np.nan, X))
