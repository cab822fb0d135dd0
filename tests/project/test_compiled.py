"""Compiled functions take a fresh environment, and every process of the tests, no longer than they must."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rdx

COMPILED = [path for path in sorted(Path(rdx.__file__).parent.rglob("*.py")) if "numba" in path.read_text("utf-8")]


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_compiled_functions_assign_no_array_to_another(path):
    """Numba 0.68 takes two seconds to compile one such line: see findings/numba_array_assignment.sh."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
    assigned = [line for function in functions for line in ast.walk(function) if isinstance(line, ast.Assign)]
    slices = [line for line in assigned if any(isinstance(part, ast.Slice) for part in ast.walk(line.targets[0]))]
    arrays = [line for line in slices if any(isinstance(part, ast.Subscript) for part in ast.walk(line.value))]
    names = [line for line in slices if isinstance(line.value, ast.Name)]
    assert [ast.unparse(line) for line in (*arrays, *names)] == []
