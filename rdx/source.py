"""Which source code computes a step: a hash of it is part of the step's fingerprint.

Comments, docstrings and layout do not count. Of what a module imports, the rooms that compute count, as far as they
can be reached from there; registries, which name every baseline and measure, are not followed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from rdx.files import fingerprint

ROOMS = ("baselines.", "rdx.method.", "rdx.metrics.", "rdx.figures.", "rdx.explorer.")  # compute what steps write
_ROOT = Path(__file__).parents[1]  # where the packages lie side by side


def source_fingerprint(*modules: str, follow: Sequence[str] = ()) -> str:
    """The sha256 of the source of ``modules``, and of ``follow`` with all that these import out of `ROOMS`."""
    reached, waiting = set(modules), list(follow)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += [other for other in imports(name) if other.startswith(ROOMS) and other not in reached]
    return fingerprint({name: _code(name) for name in sorted(reached)})


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this project that a module imports when it runs, anywhere in its source."""
    found: dict[str, None] = {}
    nodes = [_tree(module)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name for alias in node.names if _file(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= dict.fromkeys(name if _file(name) else node.module for name in below if _file(node.module))
    return tuple(name for name in found if name != module)


@cache
def _file(module: str) -> Path | None:
    """The source of a module of this project; None for others, and for names that are no modules."""
    if module.partition(".")[0] not in ("rdx", "baselines"):
        return None
    place = _ROOT.joinpath(*module.split("."))
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _source(module: str) -> bytes:
    """The source of a module of this project, or of one that somebody brought along; nothing where there is none."""
    loaded = _file(module) or getattr(sys.modules.get(module), "__file__", None)
    return Path(loaded).read_bytes() if loaded and Path(loaded).suffix == ".py" else b""


def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module))


@cache
def _code(module: str) -> str:
    """A module's syntax tree without its docstrings."""
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                node.body = node.body[1:] or [ast.Pass()]
    return fingerprint(ast.dump(tree))
