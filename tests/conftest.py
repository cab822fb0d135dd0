"""Puts this folder on the path, so that every test can import `made_data`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)


def pytest_collection_modifyitems(items):
    """Files that hold slow tests first: side by side with others, one that comes last is waited for alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def plain_comparisons(monkeypatch):
    """`rdx compare` without figures and with quick statistics, which take most of its time."""
    from made_runs import QUICK

    from rdx.experiment import compare

    configuration = compare.configuration

    def plain(*arguments, **options):
        return configuration(*arguments, **{**options, "figures": False, "statistics": QUICK})

    monkeypatch.setattr(compare, "configuration", plain)
