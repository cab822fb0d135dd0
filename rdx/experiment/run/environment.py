"""What a run's numbers were computed with and from: `environment.json`.

Two runs whose files agree here, but for the machine, give the same tables; where the tables differ, this says
what else did.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rdx
from rdx.data.locate import PROJECT_ROOT
from rdx.files import fingerprint
from rdx.models.spec import parse_spec
from rdx.models.weights import contents
from rdx.source import version

if TYPE_CHECKING:
    from rdx.experiment.plan.prepared import Prepared

_PACKAGES = (
    "numpy", "scipy", "scikit-learn", "numba", "hdbscan", "openTSNE", "umap-learn", "torch", "torchvision", "timm",
    "open_clip_torch", "transformers", "onnx", "onnxruntime", "pandas", "pyarrow", "pillow", "safetensors",
    "matplotlib",
)  # fmt: skip
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_PATIENCE = 20  # seconds for git, which waits for a slow disk


def environment(prepared: Prepared, device: str) -> dict[str, Any]:
    """Versions, hardware, commit, seeds, and hashes of everything that went in."""
    return {
        "rdx": rdx.__version__,
        "commit": commit(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "hardware": _hardware(device),
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
        "packages": _versions(),
        "seeds": _seeds(prepared),
        "inputs": _inputs(prepared),
        "configuration": prepared.origin,
    }


def commit(folder: Path = PROJECT_ROOT) -> dict[str, Any] | None:
    """The git commit that `folder` is a checkout of, and whether files were changed since; None elsewhere."""
    if not (folder / ".git").exists():  # a folder above may be somebody else's repository
        return None
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"id": head, "changed": None if changed is None else bool(changed)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _hardware(device: str) -> dict[str, Any]:
    found: dict[str, Any] = {"device": device, "processor": processor(), "cores": os.cpu_count()}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    if device.startswith("cuda"):
        import torch

        found["gpu"] = torch.cuda.get_device_name(device)
        found["cuda"] = torch.version.cuda
    return found


@cache
def processor() -> str:
    """The processor's name; Linux tells Python only its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _seeds(prepared: Prepared) -> dict[str, int]:
    """The run's seed, under which every method starts, and that by which the items were drawn."""
    data = prepared.config.data or {}
    return {"run": prepared.config.seed} | ({"data": data["seed"]} if "seed" in data else {})


def _inputs(prepared: Prepared) -> dict[str, Any]:
    """Hashes of the configuration, the items with their contents, and each representation with its weights."""
    config = prepared.config
    made = {step.name: step.settings for step in prepared.steps}
    names = {key: f"representations/{key}" for key in config.representations}
    made_by = {key: made[name] for key, name in names.items() if name in made}
    files = [file for key in made_by for file in parse_spec(config.representations[key].model).files]
    files.append((config.data or {}).get("labels"))
    return {
        "configuration": fingerprint(config.as_yaml()),
        "items": prepared.items.fingerprint,
        "representations": made_by,
        "sha256": {name: contents(Path(name)) for name in files if isinstance(name, str) and Path(name).is_file()},
    }
