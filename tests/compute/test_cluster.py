"""A real scheduler with two workers on this machine: the same bytes as threads, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from rdx import RDX
from rdx.compute import cluster as module
from rdx.compute.cluster import Cluster
from rdx.compute.engine import engine_for
from rdx.compute.threads import map_ordered
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import load_representation
from rdx.metrics.refits import Refits
from rdx.metrics.settings_sweep import sweep_settings
from rdx.metrics.significance import concept_significance, gains_of
from rdx.metrics.stability import concept_stability
from rdx.metrics.surrogates import NoiseSurrogates

ROOT = Path(__file__).resolve().parents[2]
SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(workers=2, folder=tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """One whose scheduler and only worker are threads of this process, which loads nothing anew."""
    from distributed import LocalCluster

    started = LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None)
    with started, Cluster(started.scheduler_address, folder=tmp_path_factory.mktemp("shared")) as found:
        yield found


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 120, 6))
    A[:20] = 0.1 * A[:20] + 5
    return {"A": A, "B": B}


def identity(task, folder):
    """The task, and the process that did it; the third one kills its worker when it is first done."""
    if task == 3:
        try:
            (Path(folder) / "killed").touch(exist_ok=False)
        except FileExistsError:
            return task
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@SLOW
def test_a_killed_worker_is_made_good(cluster, tmp_path):
    assert list(cluster.map(_identity(), range(8), (str(tmp_path),))) == list(range(8))
    assert (tmp_path / "killed").is_file()


def _identity():
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not see the tests
    return identity


@SLOW
@pytest.mark.parametrize("threads", [1, 2])
def test_features_are_those_of_one_process(cluster, tmp_path, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # sums of convolutions differ in the last digit between one thread and two
    try:
        _compare_features(cluster, tmp_path)
    finally:
        torch.set_num_threads(before)


def _compare_features(cluster, tmp_path):
    items = load_items("digits", images_per_class=7)
    settings = {"model": "timm:test_resnet?pretrained=false", "batch_size": 2}
    here = load_representation(settings, items, cache_dir=tmp_path / "here")
    there = load_representation(settings, items, cache_dir=tmp_path / "there", engine=cluster)
    np.testing.assert_array_equal(here.values, there.values)


@SLOW
def test_statistics_are_those_of_threads(cluster, pair):
    fitted = RDX(2, version="v1").fit(**pair)
    labels = {direction: getattr(fitted, f"{direction}_").labels for direction in ("a_not_b", "b_not_a")}
    refits = Refits(RDX(2, version="v1"), pair)
    drawn, gains = NoiseSurrogates(refits), gains_of(refits, labels)
    here, there = (concept_significance(gains, drawn, 6, spread) for spread in (map_ordered, cluster.map))
    for side in ("a", "b"):
        np.testing.assert_array_equal(here.null[side], there.null[side])
    here, there = (concept_stability(refits, labels, 4, 0, spread) for spread in (map_ordered, cluster.map))
    for direction in labels:
        np.testing.assert_array_equal(here[direction], there[direction])


@SLOW
def test_a_sweep_is_that_of_threads(cluster, pair):
    grid = {"n_clusters": [2, 3], "gamma": [0.1], "beta": [5.0]}
    here, there = (
        sweep_settings(RDX(), pair, grid, subsamples=2, spread=spread) for spread in (map_ordered, cluster.map)
    )
    assert here == there


@pytest.mark.parametrize(
    "which, solver, version",
    [
        ("quick", "sparse", "v2"),
        *(pytest.param("cluster", *how, marks=SLOW)
          for how in (("sparse", "v2"), ("sparse", "v1"), ("approximate", "v2"))),
    ],
)  # fmt: skip
def test_a_sparse_fit_is_that_of_threads(request, which, solver, version):
    cluster = request.getfixturevalue(which)
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(2, 600, 6))  # five tiles of rows
    A[:60] = 0.1 * A[:60] + 5
    here, there = (
        RDX(2, version=version, solver=solver, pairs_per_item=40).fit(A, B, spread=spread)
        for spread in (map_ordered, cluster.map)
    )
    for direction in ("a_not_b_", "b_not_a_"):
        np.testing.assert_array_equal(getattr(here, direction).labels, getattr(there, direction).labels)
        np.testing.assert_array_equal(getattr(here, direction).item_affinity, getattr(there, direction).item_affinity)


def test_files_that_a_worker_does_not_see_are_named(quick, tmp_path):
    (tmp_path / "image.png").write_bytes(b"1234")
    quick.check_files({str(tmp_path / "image.png"): 4})
    with pytest.raises(InputError, match="^worker tcp://[^\n]*does not see '[^\n]*image.png'[^\n]*$"):
        quick.check_files({str(tmp_path / "image.png"): 5})


def test_other_source_files_are_named(quick, tmp_path, monkeypatch):
    own = module._source()
    monkeypatch.setattr(quick, "_ask", lambda *_: {"tcp://x:1": ("0", own[1])})
    with pytest.raises(InputError, match="worker tcp://x:1 has rdx 0, this is"):
        quick._check(tmp_path, False)
    monkeypatch.setattr(quick, "_ask", lambda *_: {"tcp://x:1": (own[0], "other")})
    with pytest.raises(InputError, match="worker tcp://x:1 has other source files"):
        quick._check(tmp_path, False)


def test_no_worker_has_a_gpu(quick, tmp_path):
    with pytest.raises(InputError, match="no worker has a GPU"):
        quick._check(tmp_path, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "--workers must be 1 or more, not 0"),
        ({"workers": 2, "cluster": "x"}, "don't go together"),
        ({"cluster": "127.0.0.1:1"}, "no scheduler answers at '127.0.0.1:1'"),
        ({"cluster": "missing.json"}, "no scheduler's file 'missing.json'"),
        ({"cluster": "nonsense:"}, "no scheduler answers at 'nonsense:'"),
    ],
)
def test_wrong_options_are_one_line_within_ten_seconds(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert module.CONNECT <= 8
    monkeypatch.setattr(module, "CONNECT", 0.5)
    start = time.monotonic()
    with pytest.raises(InputError, match=f"^[^\n]*{message}[^\n]*$"), engine_for(**options, folder=tmp_path):
        pass
    assert time.monotonic() - start < 10 and not list(tmp_path.iterdir())


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="pip install 'rdx\\[cluster\\]'"), engine_for(2, folder=tmp_path):
        pass


@SLOW
def test_a_scheduler_that_goes_away_is_one_line(tmp_path):
    """Started as on a cluster, by the two commands of docs/cluster.md."""
    file, environment = tmp_path / "scheduler.json", {**os.environ, "PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    how = {"env": environment, "cwd": tmp_path, "stderr": subprocess.DEVNULL}
    scheduler = subprocess.Popen([*dask, "scheduler", *local, "--port", "0", "--no-dashboard"], **how)
    worker = subprocess.Popen([*dask, "worker", *local, "--no-nanny", "--no-dashboard"], **how)
    try:
        deadline = time.monotonic() + 60
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        gone = pytest.raises(RuntimeError, match="^the cluster's scheduler is gone: [^\n]*$")
        with Cluster(str(file), folder=tmp_path) as joined, gone:
            for done in joined.map(abs, range(-1000, 0)):
                if done == 999:
                    scheduler.kill()
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()
