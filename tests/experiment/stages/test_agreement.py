"""The agreement of a sampled fit with the exact one costs no result where it cannot be had."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.experiment.stages import methods

ERRORS = [InputError("rows are equal"), MemoryError("too large"), np.linalg.LinAlgError("singular")]


@pytest.mark.parametrize("error", ERRORS)
def test_it_is_said_and_left_out(monkeypatch, caplog, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("rdx.method.many.agreement.dense_agreement", fail)
    assert methods._agreement("a_vs_b/rdx", None, (None, None, {})) is None
    assert f"a_vs_b/rdx: its agreement with the exact solver is not known: {error}" in caplog.text
