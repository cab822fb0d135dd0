"""Which source code computes a step: a hash of it is part of the step's fingerprint.

Comments, docstrings and layout do not count. Of what a module imports, the rooms that compute count, as far as they
can be reached from there; registries, which name every baseline and measure, are not followed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from rdx.files import fingerprint

ROOMS = ("baselines.", "rdx.method.", "rdx.metrics.", "rdx.figures.", "rdx.explorer.")  # compute what steps write
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # of a statement, where others stand
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_ROOT = Path(__file__).parents[1]  # where the packages lie side by side


def source_fingerprint(*modules: str, follow: Sequence[str] = ()) -> str:
    """The sha256 of the source of ``modules``, and of ``follow`` with all that these import out of `ROOMS`."""
    reached, waiting = set(modules), list(follow)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += [other for other in imports(name) if other.startswith(ROOMS) and other not in reached]
    return fingerprint({name: _parsed(name)[1] for name in sorted(reached)})


@cache
def version(library: str) -> str:
    """The version of an installed library, which belongs to what it computes; looked up in its whole description."""
    return metadata.version(library)


def imports(module: str) -> tuple[str, ...]:
    """The modules of this project that a module imports when it runs, anywhere in its source."""
    return _parsed(module)[0]


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


@cache
def _parsed(module: str) -> tuple[tuple[str, ...], str]:
    """What a module imports, and its code; a plan asks for those of a hundred modules."""
    tree = ast.parse(_source(module))
    return tuple(name for name in _imported(tree) if name != module), fingerprint(_code(tree))


def _imported(tree: ast.Module) -> dict[str, None]:
    found: dict[str, None] = {}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name for alias in node.names if _file(alias.name))
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level and _file(node.module):
                below = [f"{node.module}.{alias.name}" for alias in node.names]
                found |= dict.fromkeys(name if _file(name) else node.module for name in below)
        else:
            for block in _BLOCKS:
                waiting += getattr(node, block, ())
    return found


def _code(tree: ast.Module) -> str:
    """A syntax tree without docstrings and positions: classes of nodes, each before what its fields hold.

    `ast.dump` says as much and takes three times as long.
    """
    said: list[object] = []
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            said.append(len(node))
            waiting += node
        elif isinstance(node, ast.AST):
            said.append(type(node).__name__)
            if isinstance(node, _DOCUMENTED) and node.body and _is_text(node.body[0]):
                del node.body[0]
            waiting += [getattr(node, name, None) for name in node._fields]
        else:
            said.append(node)
    return repr(said)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)
