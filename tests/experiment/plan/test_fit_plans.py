"""The plan of a run's comparisons: printed, saved, part of what a step is made of, and kept to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_commands import rdx

from rdx.compute.memory import in_words
from rdx.errors import InputError
from rdx.experiment.compare import configuration
from rdx.experiment.plan import fits as fit_plans
from rdx.experiment.plan.prepare import look
from rdx.method.many.solver import plan_fit

N, D = 60, (5, 7)


@pytest.fixture
def here(in_a_folder, tmp_path):
    rng = np.random.default_rng(0)
    for name, d in zip("ab", D, strict=True):
        np.save(f"{name}.npy", rng.normal(size=(N, d)).astype(np.float32))
    return tmp_path


ARRAYS = ("--a", "features:a.npy", "--b", "features:b.npy")
QUICK = ("--statistics", "off", "--n-clusters", "2", "--output-dir", "run")


def planned(**options):
    if "rdx" in options.get("methods", ["rdx"]):
        options = {"version": "v2", **options}
    return configuration("features:a.npy", "features:b.npy", statistics="off", figures=False, **options)


def written(path: str, **options) -> str:
    """A configuration file without figures, so that a run of it is short."""
    Path(path).write_text(json.dumps(planned(**options).model_dump(mode="json")))
    return path


def looked(here, **options):
    return look(planned(**options), here / "run")


def test_the_plan_is_printed_and_saved(here, capsys):
    config = written("config.yaml", methods=["rdx", "kmeans"], n_clusters=2)
    assert rdx("run", config, "--output-dir", "run", "--max-memory", "2GB") == 0
    out = capsys.readouterr().out
    expected = plan_fit(N, D, n_clusters=2)
    assert f"60 × 5…7: dense (exact up to 20,000 items) · up to {in_words(expected.memory)}" in out
    saved = json.loads((here / "run" / "plan.json").read_text())
    (fit,) = saved["fits"]
    assert (fit["comparison"], fit["method"], fit["n"], fit["d_a"], fit["d_b"]) == ("a_vs_b", "rdx", N, *D)
    assert (fit["solver"], fit["reason"], fit["memory"]) == ("dense", expected.reason, round(expected.memory))
    assert saved["n"] == 60


def test_what_was_asked_for_runs_and_is_said_in_the_results(here):
    config = written("config.yaml", methods=["rdx"], n_clusters=2, solver="sparse")
    assert rdx("run", config, "--output-dir", "run", "--quiet") == 0
    assert json.loads((here / "run" / "a_vs_b" / "summary.json").read_text())["solver"] == "sparse"
    assert json.loads((here / "run" / "plan.json").read_text())["fits"][0]["pairs_per_item"] == 600


def test_a_changed_choice_reruns_the_method_and_a_changed_limit_does_not(here, monkeypatch):
    steps = looked(here).steps.fingerprints
    assert looked(here, max_memory="3GB").steps.fingerprints == steps
    monkeypatch.setattr("rdx.method.many.solver.DENSE_UP_TO", N - 1)
    changed = looked(here)
    assert changed.plans["a", "b"]["rdx"].solver == "sparse"
    assert changed.steps.fingerprints["a_vs_b/rdx"] != steps["a_vs_b/rdx"]
    assert changed.steps.fingerprints["a_vs_b/kmeans"] == steps["a_vs_b/kmeans"]


def test_the_solver_of_the_plan_is_what_fits_whatever_the_memory_has_become(here):
    from rdx.experiment.stages import methods

    prepared = looked(here)
    (run,) = (run for run in prepared.runs if run.is_rdx)
    estimator = methods.build(run, prepared.config, solver="sparse")
    assert run.parameters["solver"] == "auto" and estimator.solver == "sparse"
    assert estimator.plan(N, D).solver == "sparse"


def test_too_little_memory_is_refused_in_one_line_before_anything_is_written(here, capsys):
    assert rdx("compare", *ARRAYS, *QUICK, "--max-memory", "500MB", "--quiet") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "60 items need" in error and "the limit is 500 MB" in error
    assert not (here / "run").exists()
    assert rdx("compare", *ARRAYS, *QUICK, "--max-memory", "500MB", "--dry-run") == 0
    assert "not ready" in capsys.readouterr().out
    assert rdx("compare", *ARRAYS, *QUICK, "--max-memory", "plenty") == 2
    assert "max_memory must be a size such as 4GB" in capsys.readouterr().err


def test_what_has_no_sparse_structure_is_refused_with_its_name(here, capsys):
    config = planned(solver="sparse").model_dump(mode="json")
    config["methods"][0]["distance"] = "max_normalized"
    (here / "config.yaml").write_text(json.dumps(config))
    assert rdx("run", "config.yaml", "--output-dir", "run") == 2
    assert "solver='sparse' cannot take distance='max_normalized'" in capsys.readouterr().err
    assert rdx("run", "config.yaml", "--output-dir", "run", "--dry-run") == 2  # no machine would do it
    assert not (here / "run").exists()


def test_other_steps_are_counted_too(here):
    config = planned(methods=["rdx", "spec", "nlmcd", "cnmf", "kmeans"])
    prepared = look(config, here / "run")

    def needed(n):
        boundless = config.model_copy(update={"max_memory": "1000GB"})
        plans = fit_plans.plans_of(boundless, n, prepared.widths, prepared.runs, None)
        return {one.step: one.memory for one in fit_plans.demands(config, n, prepared.widths, prepared.runs, plans)}

    small, large = needed(5000), needed(200_000)
    assert all(large[step] >= small[step] for step in large)
    assert large["a_vs_b/spec"] - small["a_vs_b/spec"] > 2 * 200_000 * 8000 * 0.95  # two sides' random features
    assert max(large.values()) < 40e9  # nothing is quadratic: all pairs would be 320 GB


def test_a_step_that_does_not_fit_says_what_to_do(here):
    config = planned(methods=["spec"], max_memory="2GB")
    found = fit_plans.Demand("a_vs_b/spec", 3e9, "lower n_features")
    (line,) = fit_plans.too_large(config, [found, fit_plans.Demand("a_vs_b/cka", 1e9, "")])
    assert line == "a_vs_b/spec needs 3.0 GB, the limit is 2.0 GB: lower n_features, or raise max_memory"


def test_comparisons_that_are_gone_about_alike_share_a_line(here):
    one = plan_fit(5000, D, max_memory="1000GB")
    many = plan_fit(80_000, D, max_memory="1000GB")
    plans = {("a", "b"): {"rdx": one}, ("b", "a"): {"rdx": one}, ("a", "c"): {"rdx": many}}
    rows = fit_plans.lines(plans, {"a": 5, "b": 7, "c": 5})
    assert len(rows) == 2
    assert "dense in 2 of 3 comparisons" in rows[0][1] and "5,000 × 5…7" in rows[0][1]
    assert "sparse in 1 of 3 comparisons, 600 pairs an item" in rows[1][1]


def test_max_memory_is_no_parameter_of_a_method(here):
    config = planned().model_dump(mode="json")
    config["methods"][0]["max_memory"] = "3GB"
    from rdx.config import parse_experiment

    with pytest.raises(InputError, match="'max_memory' is set by --max-memory"):
        look(parse_experiment(config, source="test"), here / "run")


# Not getrusage's peak: on Linux a child starts with that of the process that forked it.
PEAK = """
import re, sys
from pathlib import Path
from rdx import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
    print(end.code or 0, int(peak[1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's account of memory")
def test_the_peak_of_a_whole_run_stays_below_max_memory(here):
    n, d = 9000, 16
    rng = np.random.default_rng(1)
    groups = rng.integers(10, size=n)
    for name in "ab":
        centres = 3 * rng.normal(size=(10, d))
        np.save(f"{name}.npy", (centres[groups] + rng.normal(size=(n, d))).astype(np.float32))
    sparse = plan_fit(n, (d, d), solver="sparse", max_memory="1000GB").memory
    dense = plan_fit(n, (d, d), solver="dense", max_memory="1000GB").memory
    limit = int((sparse + dense) / 2)
    arguments = ["run", written("config.yaml", methods=["rdx"]), "--max-memory", str(limit), "--output-dir", "run"]
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], capture_output=True, text=True, check=True)
    code, peak = done.stdout.splitlines()[-1].split()
    assert code == "0" and "sparse" in done.stdout
    assert json.loads((here / "run" / "a_vs_b" / "summary.json").read_text())["solver"] == "sparse"
    assert int(peak) <= limit
    assert in_words(limit) in done.stdout  # the reason names the limit
