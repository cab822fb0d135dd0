"""Pooling against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdx.errors import InputError
from rdx.features.pooling import check_pool, pool_output

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(3, 5)).astype(np.float32)
TOKENS = RANDOM.normal(size=(3, 7, 5)).astype(np.float32)
MAPS = RANDOM.normal(size=(3, 5, 4, 6)).astype(np.float32)


def pooled(values, pool=None, **layout):
    return pool_output(torch.from_numpy(values), pool, **layout).numpy()


def same(left, right):
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_tokens():
    layout = {"prefix_tokens": 3, "class_token": True}
    same(pooled(TOKENS, "cls", **layout), TOKENS[:, 0])
    same(pooled(TOKENS, None, **layout), TOKENS[:, 0])
    same(pooled(TOKENS, "mean", **layout), TOKENS.sum(axis=1) / 7)
    same(pooled(TOKENS, "patch", **layout), TOKENS[:, 3:].sum(axis=1) / 4)
    same(pooled(TOKENS, "flatten", **layout), TOKENS.reshape(3, 35))
    same(pooled(TOKENS, None, class_token_by_default=False, **layout), TOKENS[:, 3:].sum(axis=1) / 4)
    same(pooled(np.ascontiguousarray(TOKENS.transpose(0, 2, 1)), "patch", axis=1, **layout), TOKENS[:, 3:].mean(axis=1))


def test_tokens_without_a_class_token():
    same(pooled(TOKENS), TOKENS.mean(axis=1))
    same(pooled(TOKENS, "patch"), TOKENS.mean(axis=1))
    with pytest.raises(InputError, match="no class token"):
        pooled(TOKENS, "cls", prefix_tokens=3)


def test_maps():
    expected = MAPS.reshape(3, 5, 24).sum(axis=2) / 24
    for pool in (None, "mean", "patch"):
        same(pooled(MAPS, pool), expected)
        same(pooled(np.ascontiguousarray(MAPS.transpose(0, 2, 3, 1)), pool, axis=3), expected)
    same(pooled(MAPS[:, None], axis=2), expected)
    same(pooled(MAPS, "flatten"), MAPS.reshape(3, 120))
    with pytest.raises(InputError, match=r"layer 'x', whose output is \(b, 5, 4, 6\)"):
        pooled(MAPS, "cls", layer="x", class_token=True)


def test_vectors_stay():
    for pool in (None, "mean", "flatten"):
        same(pooled(VECTORS, pool), VECTORS)
    with pytest.raises(InputError, match="does not fit"):
        pooled(VECTORS, "cls", class_token=True)


def test_names():
    assert check_pool("auto") is check_pool(None) is None and check_pool("patch") == "patch"
    with pytest.raises(InputError, match="did you mean 'mean'"):
        check_pool("maen")
