"""Generators that are seeded before the library that they belong to is loaded."""

from __future__ import annotations

import importlib
import importlib.util
import random
import sys

import numpy as np

from rdx.compute import seeds


def test_a_library_is_seeded_when_it_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "late_library.py").write_text("seeds = []\nmanual_seed = seeds.append\n")
    monkeypatch.syspath_prepend(tmp_path)
    finder = seeds._SeededWhenLoaded("late_library")
    sys.meta_path.insert(0, finder)
    finder.seed = 7
    assert importlib.util.find_spec("late_library").name == "late_library"  # asking loads nothing
    assert importlib.import_module("late_library").seeds == [7]
    assert finder not in sys.meta_path
    del sys.modules["late_library"]


def test_what_is_loaded_is_seeded_at_once():
    import torch

    seeds.seed_everything(3)
    first = random.random(), np.random.rand(), float(torch.rand(1))
    seeds.seed_everything(3)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == first
