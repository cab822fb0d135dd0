"""The rule of the house: a file imports from its own room and from rooms below it, and nothing imports in a circle."""

from __future__ import annotations

import sys
from pathlib import Path

from rdx.source import imports

ROOT = Path(__file__).resolve().parents[2]
# From the ground up; what stands together on a line may not import from each other.
FLOORS = (
    ("rdx", "rdx.errors"),
    ("rdx.files", "rdx._torchvision", "rdx.results"),
    ("rdx.source",),
    ("rdx.locks", "rdx.console"),
    ("rdx.compute",),
    ("rdx.method",),
    ("rdx.metrics", "baselines", "rdx.config"),
    ("rdx.data",),
    ("rdx.models",),
    ("rdx.features",),
    ("rdx.figures",),
    ("rdx.explorer",),
    ("rdx.experiment.run",),
    ("rdx.experiment.stages",),
    ("rdx.experiment.plan",),
    ("rdx.experiment",),
    ("rdx.analysis",),
    ("rdx.cli",),
    ("rdx.__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> list[str]:
    found = []
    for package in ("rdx", "baselines"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(found)


def room(module: str) -> str:
    """The innermost room that a module lies in; the package itself is the ground."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next(name for name in names if name in FLOOR and (name != "rdx" or module == "rdx"))


def test_every_module_has_a_room():
    assert {room(module) for module in modules()} == set(FLOOR)


def test_rooms_import_downwards_only():
    upwards = [
        f"{module} imports {other}"
        for module in modules()
        for other in imports(module)
        if room(other) != room(module) and FLOOR[room(other)] >= FLOOR[room(module)]
    ]
    assert upwards == []


def test_nothing_imports_in_a_circle():
    """Depth first: a module that is reached again from itself names the circle; imports inside functions count."""
    sys.setrecursionlimit(10_000)
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in imports(module):
                visit(other, (*path, module))
            done.add(module)

    for module in modules():
        visit(module, ())


def test_what_computes_knows_no_engine():
    """`method`, `metrics` and `baselines` are handed a function that spreads work; they know no path and no process."""
    for module in modules():
        if room(module) in ("rdx.method", "rdx.metrics", "baselines"):
            unknown = {"rdx.compute.engine", "rdx.compute.cluster", "rdx.config", "rdx.files", "rdx.locks"}
            assert not unknown & set(imports(module)), module
