"""Runs of experiments here are of the smallest: probes with two folds, sketched pictures."""

from __future__ import annotations

import pytest
from made_runs import sketch_pictures


@pytest.fixture(autouse=True, scope="module")
def small_runs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdx.metrics.probes.N_FOLDS", 2)
        sketch_pictures(patch)
        yield
