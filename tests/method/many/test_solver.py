"""The plan of a fit: which solver, how much memory, what is refused; held against what processes really take."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdx import RDX
from rdx.compute.memory import in_words
from rdx.errors import InputError
from rdx.method.many import solver
from rdx.method.many.solver import ALONE, LIBRARIES, plan_fit

WIDTHS = (64, 64)
PLENTY = "1000GB"
SLOW = pytest.mark.slow
SLACK = 16 << 20  # bytes by which the same fit differs from one process to the next

# A process that says by how many bytes its peak grew in one fit, after a small one that loaded everything.
FIT = """
import ctypes, gc, json, sys
import numpy as np
from rdx.method.rdx import RDX

def held(what):
    line = next(line for line in open("/proc/self/status") if line.startswith(what + ":"))
    return 1024 * int(line.split()[1])

def forget_the_peak():
    # Compiling takes more than a small fit does; the peak counts from here.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    return held("VmRSS")

n, d, settings, aligned = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
small = rng.normal(size=(2, 100, 4))
RDX(2, **{**settings, "max_memory": None}).fit(*small)
before = forget_the_peak()
groups = rng.integers(12, size=n)
A, B, mapped_a, mapped_b = (
    rng.normal(size=(12, d)).astype(np.float32)[groups] * 2 + rng.standard_normal((n, d), dtype=np.float32)
    for _ in range(4)
)
rdx = RDX(3, **settings).fit(A, B, **({"a_to_b": mapped_a, "b_to_a": mapped_b} if aligned else {}))
after = held("VmHWM")
print(json.dumps([rdx.solver_, before, after]))
"""


def fitted(n: int, d: int, settings: dict, aligned: bool = False) -> tuple[str, float, float]:
    """The solver that ran in a process of its own, and its peak memory before and after."""
    arguments = [sys.executable, "-c", FIT, json.dumps([n, d, settings, aligned])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def plan(n: int, **settings):
    return plan_fit(n, WIDTHS, **{"max_memory": PLENTY, **settings})


def message(n: int, **settings) -> str:
    with pytest.raises(InputError) as error:
        plan(n, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a process forget its peak")
@pytest.mark.parametrize(
    ("n", "settings", "aligned"),
    [
        (2500, {"solver": "dense", "version": "v2"}, False),
        pytest.param(4000, {"solver": "dense", "version": "v2"}, False, marks=SLOW),
        pytest.param(6000, {"solver": "sparse", "version": "v1", "pairs_per_item": 300}, False, marks=SLOW),
        pytest.param(5000, {"solver": "sparse", "version": "v2", "pairs_per_item": 300}, True, marks=SLOW),
    ],
    ids=["dense, few", "dense", "sparse", "sparse, both ways, aligned"],
)
def test_the_memory_of_a_plan_is_above_what_a_fit_takes_and_below_twice_of_it(n, settings, aligned):
    planned = plan_fit(n, (16, 16), **settings, aligned=aligned, max_memory=PLENTY).memory - ALONE
    ran, before, after = fitted(n, 16, settings, aligned)
    assert ran == settings["solver"]
    assert before <= ALONE
    assert after - before <= planned <= 2 * (after - before) + SLACK


@SLOW
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets a process forget its peak")
def test_a_limit_makes_auto_sparse_and_is_kept():
    settings = {"version": "v2", "pairs_per_item": 100}
    n = 6000
    least = plan_fit(n, (8, 8), **settings, solver="sparse", max_memory=PLENTY).memory
    free = plan_fit(n, (8, 8), **settings, max_memory=PLENTY)
    assert free.solver == "dense" and free.memory > least
    ran, _, peak = fitted(n, 8, {**settings, "max_memory": int(least) + 1})
    assert ran == "sparse"
    assert peak <= least


def test_five_thousand_items_fit_into_a_gigabyte():
    """Measured: 0.76 GB, a whole run on features; with models loaded, 0.1 GB more."""
    assert plan(5000, max_memory="1080MB", threads=2).solver == "dense"
    assert 0.76e9 < plan(5000, solver="dense", threads=2).memory < 1.2 * 0.76e9
    assert plan(5000, libraries=LIBRARIES).memory - plan(5000).memory == LIBRARIES - ALONE


@pytest.mark.parametrize("settings", [{}, {"version": "v1"}, {"aligned": True}, {"gpu": True}, {"threads": 64}])
@pytest.mark.parametrize("d", [4, 64, 1024])
def test_auto_is_exact_up_to_a_number_of_items_whatever_else(d, settings):
    small, large = (plan_fit(n, (d, d), max_memory=PLENTY, **settings) for n in (20_000, 20_001))
    assert (small.solver, small.pairs_per_item, small.reason) == ("dense", None, "exact up to 20,000 items")
    assert (large.solver, large.pairs_per_item) == ("sparse", 600)
    assert large.reason == "more than 20,000 items are too many to keep all pairs"


def test_approximate_takes_over_where_it_is_there(monkeypatch):
    monkeypatch.setattr(solver, "SOLVERS", ("dense", "sparse", "approximate"))
    assert plan(299_000).solver == "sparse"
    found = plan(1_000_000)
    assert found.solver == "approximate" and "300,000" in found.reason


def test_a_card_looks_at_all_pairs_of_more_items():
    assert plan(1_000_000, gpu=True).solver == "sparse"
    assert plan(4_000_000, gpu=True).solver == "approximate"
    of_the_host = 1.01 * plan(1_000_000, solver="approximate").memory
    assert plan(1_000_000, gpu=True, max_memory=of_the_host).solver == "approximate"


def test_memory_grows_with_what_is_kept():
    sparse = {"solver": "sparse"}
    assert plan(20_000, **sparse).memory < plan(20_000, **sparse, pairs_per_item=1000).memory
    assert plan(20_000, **sparse, version="v1").memory < plan(20_000, **sparse, version="v2").memory
    assert plan(20_000, **sparse).memory < plan(20_000, **sparse, aligned=True).memory
    dense = {"solver": "dense"}
    assert plan(5000, **dense, keep_matrices=True).memory - plan(5000, **dense).memory >= 20 * 5000**2
    # Ranks of more than 65,536 items, and sums of two from 32,769 on, no longer fit into 16 bits.
    held = [plan(n, **dense, version=v).memory for n in (32_768, 32_770) for v in ("v1", "v2")]
    assert held[0] == held[1] and held[3] - held[2] >= 4 * 32_770**2


DENSE_ONLY = [
    ({"distance": "max_normalized"}, "distance='max_normalized'", "distance='neighborhood'"),
    ({"distance": "local_scaling"}, "distance='local_scaling'", "distance='neighborhood'"),
    ({"difference": "plain", "normalize_difference": True}, "difference='plain'", "difference='locally_biased'"),
    ({"normalize_difference": True}, "normalize_difference=True", "normalize_difference=False"),
    ({"keep_matrices": True}, "keep_matrices=True", "keep_matrices=False"),
    ({"clustering": "affinity_propagation"}, "clustering='affinity_propagation'", "clustering='spectral'"),
    ({"selection": "spectral_centrality"}, "selection='spectral_centrality'", "selection='max_total_affinity'"),
    ({"guidance_rule_used": "paper"}, "guidance_rule='paper'", "guidance_rule='own'"),
]


@pytest.mark.parametrize(("settings", "at_fault", "instead"), DENSE_ONLY, ids=[row[1] for row in DENSE_ONLY])
def test_what_has_no_sparse_structure(settings, at_fault, instead):
    told = message(5000, solver="sparse", **settings)
    assert told == f"solver='sparse' cannot take {at_fault}: set {instead}, or solver='dense'"
    chosen = plan(30_000, **settings)
    assert chosen.solver == "dense" and at_fault in chosen.reason
    told = message(70_000, **settings, max_memory="6GB")
    assert instead in told and "solver='sparse'" in told and "6.0 GB" in told


def test_too_large_says_how_much_of_what_and_what_would_fit():
    told = message(70_000, solver="dense", max_memory="8GB")
    needed = in_words(plan(70_000, solver="dense").memory)
    assert told.startswith(f"70,000 items need {needed} with solver='dense', the limit is 8.0 GB; what would fit: ")
    assert "solver='sparse' or solver='approximate' or a subsample of" in told
    items = int(told.partition("subsample of ")[2].split()[0].replace(",", ""))
    assert 5e9 < plan(items, solver="dense", max_memory="8GB").memory <= 8e9
    told = message(200_000, max_memory="5GB")
    fewer = int(told.partition("pairs_per_item=")[2].split()[0])
    assert plan(200_000, pairs_per_item=fewer, max_memory="5GB").solver == "sparse"
    assert "more memory" in message(5000, max_memory="300MB")


def test_the_estimator_refuses_before_it_computes(monkeypatch):
    monkeypatch.setattr("rdx.method.rdx.as_points", None)
    A, B = np.random.default_rng(0).normal(size=(2, 60, 4))
    for settings in ({"max_memory": "100MB"}, {"max_memory": "500MB", "alignment": "cka"}):
        with pytest.raises(InputError, match="the limit is"):
            RDX(2, **settings).fit(A, B)
    with pytest.raises(InputError, match="guidance_rule='paper'"):
        RDX(2, solver="sparse", guidance_rule="paper").fit(A, B, groups_a=A[:, 0] > 0, groups_b=B[:, 0] > 0)
    with pytest.raises(InputError, match="max_memory must be"):
        RDX(2, max_memory="much").fit(A, B)


def test_what_ran_is_said():
    A, B = np.random.default_rng(0).normal(size=(2, 60, 4))
    assert RDX(2).fit(A, B).solver_ == "dense"
    assert RDX(2, solver="sparse").fit(A, B).solver_ == "sparse"
    planned = RDX(2).plan(60, (4, 4), aligned=True)
    assert planned == replace(planned, solver="dense", n=60, pairs_per_item=None)
