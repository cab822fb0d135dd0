"""What a command loads before it has anything to compute."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import baselines
from rdx.models.checkpoints import Header, save_checkpoint
from rdx.models.convnet import ConvNet

ROOT = Path(__file__).resolve().parents[1]


def test_help_and_plans_load_only_what_they_need(tmp_path):
    """Neither waits for what a run alone needs, which takes seconds to load; in one process of its own."""
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(len(name)).random((30, 4)))
        save_checkpoint(tmp_path / f"{name}.safetensors", ConvNet((3, 5), 4), Header((3, 5), 4, size=(8, 8)))
    heavy = ["torch", "torchvision", "timm", "open_clip", "sklearn", "scipy.stats", "scipy.linalg", "pandas",
             "matplotlib", "openTSNE", "umap", "hdbscan", "dask", "h5py", "pyarrow", "pydicom", "pooch"]  # fmt: skip
    code = f"""
import sys
from rdx.cli import main

def loaded(among, *arguments):
    try:
        main(list(arguments))
    except SystemExit as left:
        assert not left.code, arguments
    print(*arguments[:1], [name for name in among if name in sys.modules], file=sys.stderr)

heavy = {heavy}
loaded([*heavy, "numba", "scipy", "numpy", "PIL", "yaml"], "compare", "--help")
methods = "rdx,{",".join(baselines.names())}"
loaded(heavy, "compare", "--a", "features:a.npy", "--b", "features:b.npy", "--methods", methods, "--dry-run")
for folder in ("none", "."):  # not trained yet, and trained
    net = f"representations.{{{{0}}}}.model=checkpoint:{{folder}}/{{{{0}}}}.safetensors"
    nets = ["--set", net.format("a"), "--set", net.format("b")]
    loaded(heavy, "run", {str(ROOT / "configs/quickstart/compare.yaml")!r}, "--dry-run", *nets)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RDX_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines() == ["compare []", "compare []", "run []", "run []"]
    assert "--n-clusters" in done.stdout and done.stdout.count(" steps to do") == 3
