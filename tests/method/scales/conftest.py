from __future__ import annotations

import pytest

from rdx.method.scales import peeling


@pytest.fixture(scope="module")
def few_draws():
    """With twenty noise pairs p is below 0.05 where none is as strong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peeling, "DRAWS", 20)
        yield
