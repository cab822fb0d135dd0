"""Which source code computes a step: a hash of it is part of the step's fingerprint.

Comments, docstrings and layout do not count. Of what a module imports, the rooms that compute count, as far as they
can be reached from there; registries, which name every baseline and measure, are not followed.

A plan asks for a hundred modules, and to parse them takes a third of its time: so what was found is kept beside what
Python has compiled of this module, and holds as long as a module's bytes are the same.
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from rdx.files import fingerprint

ROOMS = ("baselines.", "rdx.method.", "rdx.metrics.", "rdx.figures.", "rdx.explorer.")  # compute what steps write
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # of a statement, where others stand
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_ROOT = Path(__file__).parents[1]  # where the packages lie side by side
_KEPT = Path(cache_from_source(__file__)).with_suffix(".json")  # of one version of Python: its syntax trees differ

Found = tuple[str, list[tuple[str, str]], str]  # the fingerprint of a module's source, what it imports, and its code


def source_fingerprint(*modules: str, follow: Sequence[str] = ()) -> str:
    """The sha256 of the source of ``modules``, and of ``follow`` with all that these import out of `ROOMS`."""
    reached, waiting = set(modules), list(follow)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting += [other for other in imports(name) if other.startswith(ROOMS) and other not in reached]
    found = {name: _parsed(name)[2] for name in sorted(reached)}
    _keep()
    return fingerprint(found)


@cache
def version(library: str) -> str:
    """The version of an installed library, which belongs to what it computes; looked up in its whole description."""
    return metadata.version(library)


@cache
def imports(module: str) -> tuple[str, ...]:
    """The modules of this project that a module imports when it runs, anywhere in its source."""
    found: dict[str, None] = {}
    for name, inside in _parsed(module)[1]:
        below = f"{name}.{inside}"
        if _file(name):
            found[below if inside and _file(below) else name] = None
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


@cache
def _parsed(module: str) -> Found:
    source = _source(module)
    made_of = fingerprint(_rules(), source)
    found = _kept().get(module)
    if found is None or found[0] != made_of:
        tree = ast.parse(source)
        found = _kept()[module] = made_of, _imported(tree), fingerprint(_code(tree))
        _fresh.append(module)
    return found


_fresh: list[str] = []  # modules that were parsed since what is known was kept


@cache
def _rules() -> bytes:
    """What this module finds depends on itself."""
    return Path(__file__).read_bytes()


@cache
def _kept() -> dict[str, Found]:
    """What is known of modules, by their names."""
    with suppress(OSError, ValueError):
        return json.loads(_KEPT.read_bytes())
    return {}


def _keep() -> None:
    """Keep what is known for other processes, as Python keeps what it compiles: where it may, and without a word."""
    if not _fresh or sys.dont_write_bytecode:
        return
    _fresh.clear()
    part = _KEPT.with_suffix(f".{secrets.token_hex(6)}")
    with suppress(OSError):
        part.write_text(json.dumps(_kept()), encoding="utf-8")
        os.replace(part, _KEPT)


def _imported(tree: ast.Module) -> list[tuple[str, str]]:
    """Modules, and what is imported out of them, which may be modules as well."""
    found: list[tuple[str, str]] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.module and not node.level:
                found += [(node.module, alias.name) for alias in node.names]
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
