"""Puts this folder on the path, so that every test can import `made_data`."""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = str(Path(__file__).parent)
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)


def pytest_collection_modifyitems(items):
    """Files that hold slow tests first: side by side with others, one that comes last is waited for alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
