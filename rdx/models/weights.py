"""Reading tensors from files that others wrote, without running anything in them."""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data.locate import locate
from rdx.errors import InputError, MissingInput, first_line
from rdx.files import fingerprint, sha256_file

if TYPE_CHECKING:
    import torch

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")  # .tar: .pth.tar
_NOT_A_TENSOR = re.compile(r"Unsupported global: GLOBAL ([\w.]+)")  # in what torch says of a whole page
# What a training puts its weights under; averaged ones first.
_WRAPPERS = (
    "state_dict_ema", "model_ema", "ema", "teacher", "state_dict", "model_state_dict", "model", "net", "params",
)  # fmt: skip
_COMPILED = "_orig_mod."  # torch.compile's part of a name
_log = logging.getLogger(__name__)


def existing_file(path: str | Path, what: str) -> Path:
    """`path` made absolute. Raises MissingInput, naming it, where there is no such file; InputError for a folder."""
    found = locate(path)
    if found.is_dir():
        raise InputError(f"{what}: '{found}' is a folder{_how_to_join(found)}")
    if not found.is_file():
        raise MissingInput(f"{what}: no file '{found}'{_how_to_make(found)}")
    return found


def _how_to_join(folder: Path) -> str:
    """What to do about a table in parts, as Spark, DuckDB and datasets write it; else which file may be meant."""
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    parts = [name for name in files if name.endswith(".parquet")]
    if len(parts) > 1:
        return (
            f" with {len(parts)} Parquet files ('{parts[0]}', …): write them as one, in the order that you mean, with "
            "pandas.concat(map(pandas.read_parquet, paths), ignore_index=True).to_parquet('all.parquet')"
        )
    return f"; name a file in it, such as '{files[0]}'" if files else ""


def _how_to_make(checkpoint: Path) -> str:
    """The command that trains what should lie in checkpoints/NAME; nothing for other files."""
    name = checkpoint.parent.name
    group, _, rest = name.partition("_")
    configs = (f"configs/train/{name}.yaml", f"configs/{group}/train_{rest}.yaml")
    found = [path for path in configs if locate(path).is_file()]
    is_ours = checkpoint.parent.parent.name == "checkpoints" and found
    return f": run `python -m rdx train {found[0]}`" if is_ours else ""


def contents(path: Path) -> str:
    """The sha256 of a file, computed once as long as nobody touches it: a run asks for it again and again."""
    stat = path.stat()
    return _hashed(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=64)
def _hashed(path: Path, state: tuple[int, ...]) -> str:
    return sha256_file(path)


def read_safetensors(path: Path, framework: str = "pt") -> tuple[dict[str, Any], dict[str, str]]:
    """All tensors, or with "np" arrays, and the metadata of a safetensors file. Raises InputError where it is not one.

    Of arrays, a type that NumPy lacks is refused as well.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework=framework) as handle:
            # Copies: a mapped file that somebody writes over would take the whole process down.
            own: Callable = np.array if framework == "np" else methodcaller("clone")
            tensors = {name: own(handle.get_tensor(name)) for name in list(handle.keys())}
            return tensors, dict(handle.metadata() or {})
    except (SafetensorError, OSError, TypeError, ValueError, json.JSONDecodeError) as error:
        raise InputError(f"'{path}' is not a whole safetensors file: {first_line(error)}") from error


def checksum(tensors: Mapping[str, Any]) -> str:
    """The sha256 over tensors, or arrays, and their names."""
    return fingerprint(*(part for name in sorted(tensors) for part in (name, np.asarray(tensors[name]))))


def read_torch(path: Path) -> Any:
    """What a .pt file holds, through the weights-only loader. Raises InputError where that refuses it."""
    import warnings

    import torch

    try:
        # Sparse tensors are checked: with wrong indices, using one reads and writes outside its memory.
        with warnings.catch_warnings(), torch.sparse.check_sparse_tensor_invariants():
            warnings.simplefilter("ignore")  # about pickles of a kind that is refused a moment later
            # timm's own training keeps its arguments beside the weights: a plain container.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can raise nearly anything
        other = _NOT_A_TENSOR.search(str(error))
        why = f"it holds more than tensors ({other[1]}); save tensors alone" if other else first_line(error)
        raise InputError(f"'{path}' can't be read by the weights-only loader of .pt files: {why}") from error


@contextmanager
def tensors_only() -> Iterator[None]:
    """Inside, torch.load runs nothing in a file, whatever the library that calls it asks for.

    Some versions of timm read a published or local ``.bin`` as a whole pickle.
    """
    force, allow = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"  # torch takes one of them
    before = {name: os.environ.pop(name, None) for name in (force, allow)}
    os.environ[force] = "1"
    try:
        yield
    finally:
        del os.environ[force]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name; a surrounding training checkpoint is taken off, and that is said.

    Raises InputError for another suffix, or a file without tensors.
    """
    import torch

    if path.suffix not in WEIGHT_SUFFIXES:
        raise InputError(f"weights '{path}' are not a file of a known kind ({', '.join(WEIGHT_SUFFIXES)})")
    content: Any = read_safetensors(path)[0] if path.suffix == ".safetensors" else read_torch(path)
    while isinstance(content, Mapping):
        key = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if key is None:
            break
        _say_left_out(path, [str(other) for other in content if other != key], f"'{key}' is taken; ")
        content = content[key]
    if not isinstance(content, Mapping):
        raise InputError(f"weights '{path}' hold a {type(content).__name__}, not tensors by name")
    tensors = {
        str(name).replace(_COMPILED, "").removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }
    if not tensors:
        raise InputError(f"weights '{path}' hold no tensors")
    return tensors


def behind_prefix(path: Path, module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors behind the one prefix under which all of the module's are (``backbone.``); the rest is said.

    Where there is no such prefix, or there are several, `tensors` as they are.
    """
    expected = list(module.state_dict())
    ends = f".{expected[0]}"
    prefixes = [name[: -len(expected[0])] for name in tensors if name.endswith(ends)]
    whole = [prefix for prefix in prefixes if all(prefix + name in tensors for name in expected)]
    if len(whole) != 1 or all(name in tensors for name in expected):
        return dict(tensors)
    _say_left_out(path, [name for name in tensors if not name.startswith(whole[0])], f"'{whole[0]}…' is taken; ")
    return {name.removeprefix(whole[0]): value for name, value in tensors.items() if name.startswith(whole[0])}


def _say_left_out(path: Path, names: list[str], taken: str) -> None:
    if names:
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        _log.warning("weights '%s': %sleft out: %s", path, taken, shown)


def misfit(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The first way in which `tensors` are not the module's own, in words; None where they fit exactly."""
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    for name, shape in expected.items():
        if name not in tensors:
            return f"tensor '{name}' is missing"
        if tuple(tensors[name].shape) != shape:
            return f"tensor '{name}' has shape {tuple(tensors[name].shape)}, expected {shape}"
    for name in tensors:
        if name not in expected:
            return f"tensor '{name}' does not belong there"
    return None
