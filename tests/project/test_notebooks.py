"""The notebooks under docs/ run from the first cell to the last, as they would in Jupyter, and find what they say.

So does the program of docs/python.md.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from rdx.experiment import compare

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTEBOOKS = DOCS / "notebooks"


def without_statistics(*given: Any, configuration=compare.configuration, **options: Any) -> Any:
    return configuration(*given, statistics="off", **options)


@pytest.fixture(autouse=True)
def quick(monkeypatch, sketched_pictures):
    """What is found stays the same, how sure it is does not."""
    monkeypatch.setattr("rdx.metrics.probes.N_FOLDS", 2)
    monkeypatch.setattr("rdx.method.scales.peeling.DRAWS", 9)
    monkeypatch.setattr(compare, "configuration", without_statistics)


def shown(cell: str, names: dict[str, Any]) -> None:
    """Carries a cell out, and shows what its last line is as a notebook does."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is None:
        return
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    if isinstance(value, Figure):
        assert value._repr_png_().startswith(b"\x89PNG")
    elif hasattr(value, "_repr_html_"):
        assert value._repr_html_().startswith("<")
    assert len(repr(value)) < 2_000


@pytest.mark.parametrize("name, digits", [("own_arrays", {"3", "8"}), ("own_module", {"4", "9"})])
def test_a_notebook_runs_and_finds_what_is_known(tmp_path, monkeypatch, name, digits):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, "clear the outputs"
            shown("".join(cell["source"]), names)
    comparison = names["comparison"]
    first = comparison.explanations["rdx"]["a_not_b"].concepts[0]
    labels = comparison.items["label_name"][first.members].value_counts(normalize=True)
    assert set(labels.index[:2]) == digits and labels.iloc[:2].sum() > 0.8


def test_the_program_of_the_page(tmp_path, monkeypatch, capsys):
    (program,) = re.findall(r"^```python\n(.*?)^```", (DOCS / "python.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(program, names)
    first = names["comparison"].explanations["rdx"]["a_not_b"].concepts[0]
    assert set(names["kinds"][first.members]) == {0, 1} and (tmp_path / "maps.png").stat().st_size > 10_000
    assert "Comparison of “before” and “after”: 90 items" in capsys.readouterr().out


def test_every_notebook_is_run():
    assert {path.stem for path in NOTEBOOKS.iterdir()} == {"own_arrays", "own_module"}
