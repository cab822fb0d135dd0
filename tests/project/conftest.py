"""What the tests of scripts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def loaded() -> Iterator[str]:
    """An environment in which scripts need not wait for libraries to load: their VIRTUAL_ENV."""
    from made_environment import environment

    with environment() as folder:
        yield folder
