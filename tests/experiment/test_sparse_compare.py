"""`rdx compare` with the sampled paths, from the command to what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_commands import rdx

from rdx import RDX

pytestmark = pytest.mark.usefixtures("in_a_folder")
N = 150


def compared(*arguments: str) -> None:
    assert rdx("compare", "--a", "features:a.npy", "--b", "features:b.npy", "--output-dir", "run", *arguments) == 0


@pytest.mark.parametrize("solver", ["sparse", "approximate"])
def test_the_command_names_the_path_and_its_agreement(solver, capsys):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(N, 6)).astype(np.float32), rng.normal(size=(N, 5)).astype(np.float32)
    np.save("a.npy", a)
    np.save("b.npy", b)
    compared("--solver", solver, "--methods", "rdx", "--n-clusters", "3", "--statistics", "off", "--seed", "3")
    printed = capsys.readouterr().out
    folder = Path("run/a_vs_b")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["solver"] == solver and summary["n"] == N
    told = summary["agreement"]
    assert told["n"] == N and all(-1 <= told[direction] <= 1 for direction in ("a_not_b", "b_not_a"))
    assert f"{solver} path: on {N} of the items its labels agree with the exact ones" in printed
    assert f"to {told['a_not_b']:.2f} (a_not_b) and {told['b_not_a']:.2f} (b_not_a)" in printed
    assert (summary["rank_errors"] is not None) == (solver == "approximate") == ("rank error (log2)" in printed)
    direct = RDX(3, solver=solver, random_state=3).fit(a, b)
    assigned = pd.read_csv(folder / "rdx/assignments.csv")
    for direction in ("a_not_b", "b_not_a"):
        labels = assigned[assigned["direction"] == direction].sort_values("index")["concept"]
        np.testing.assert_array_equal(labels, getattr(direct, f"{direction}_").labels)
    for name in ("explanations.csv", "concepts.csv", "overview_a_not_b.png"):
        assert (folder / "rdx" / name).is_file()
    assert (folder / "explorer.html").is_file() and len(pd.read_csv(folder / "metrics.csv")) == 2 * 3
