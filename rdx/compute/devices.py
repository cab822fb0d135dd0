"""Names of devices, and where a comparison is computed: NumPy and Numba on the CPU, or the same tiles on a GPU.

This module is light: torch is imported only where there may be a GPU.
"""

from __future__ import annotations

import ctypes
import re
import sys
from pathlib import Path

from rdx.errors import InputError

NAMES = "auto, cpu, mps, cuda or cuda:0, cuda:1, …"
LEAST_ITEMS = 4000  # below, starting CUDA takes longer than the CPU does for the whole comparison


def check_device(name) -> None:
    """Raises InputError for what is no device's name."""
    if not isinstance(name, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise InputError(f"device must be {NAMES}, got {name!r}")


def resolve_device(name) -> str:
    """The torch device that ``name`` means; "auto" is the first GPU where there is one, else the CPU.

    Raises InputError for what is no device's name, and for a GPU that is not there.
    """
    check_device(name)
    if name == "cpu" or (name == "auto" and not driver_present()):
        return "cpu"
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if gpus else "cpu"
    if not (torch.backends.mps.is_available() if name == "mps" else gpus):
        raise InputError(f"device '{name}' asked for, but no usable GPU was found: use cpu or auto")
    if name.startswith("cuda:") and int(name.partition(":")[2]) >= gpus:
        raise InputError(f"device '{name}' asked for, but there are only {gpus} GPUs, cuda:0 … cuda:{gpus - 1}")
    return name


def tile_device(name: str, n: int):
    """The torch.device that the tiles of n items run on, or None for the CPU.

    "auto" takes the first GPU where there is one and n is large enough to be worth it. MPS has no float64,
    which exact distances need: it is for models and maps only. Raises InputError where the GPU that is
    named is missing.
    """
    if name in ("cpu", "mps") or (name == "auto" and n < LEAST_ITEMS):
        return None
    found = resolve_device(name)
    if found == "cpu":
        return None
    import torch

    return torch.device("cuda", int(found.partition(":")[2] or torch.cuda.current_device()))


def driver_present() -> bool:
    """Whether there is NVIDIA's driver, or AMD's; without one, importing torch to ask is wasted."""
    if Path("/dev/kfd").exists():  # AMD's, which torch calls cuda too
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
