"""The paper's own checkpoints: eight small convnets for MNIST, and what the CUB experiment compares.

The convnets are training checkpoints of Lightning. They are read once, with the weights-only loader, and written
as our safetensors checkpoints to <root>/paper/<model>/, away from those that the user trains; their header says
that they were trained on pixels 0–255. Everything else in the archive goes to <root> as it is, where nothing is
there yet; of it, only arrays are ever read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rdx.data.download.archives import Archive, place, refuse_rest, unpacked_archive
from rdx.data.download.source import BaseUrl, Check, DownloadError, Root, Timeout, say, say_terms
from rdx.data.locate import locate
from rdx.errors import InputError
from rdx.files import write_json

ROOT = Path("checkpoints")
BASE_URL = "https://data.caltech.edu/records/chw9h-4bs90/files"
ARCHIVE = Archive("checkpoints.zip")
TERMS = "https://data.caltech.edu/records/chw9h-4bs90"
PAPER = "paper"
MODELS = (
    "mnist_835", "mnist_expert", "mnist_m35", "mnist_m49",
    "mnist_hflip", "mnist_hflip_nl", "mnist_vflip", "mnist_vflip_nl",
)  # fmt: skip
PROJECTIONS = Path("post-hoc-cbm/output/cub_resnet18/train-proj_cub__resnet18_cub__cub_resnet18_cub_0.npy")

_LIST = "contents.json"  # written with the models, in one move: what was converted, and what was refused
_LAST = "last.safetensors"
_SUFFIXES = (".ckpt", ".pt", ".pth")


def download(
    *, root: Root = ROOT, check: Check = False, base_url: BaseUrl = BASE_URL, timeout: Timeout = 30.0
) -> None:
    """The paper's checkpoints: MNIST convnets to <root>/paper, CUB projections to <root>/post-hoc-cbm."""
    problem = missing(root)
    if problem is None:
        return _say_contents(root, "are there")
    if check:
        raise DownloadError(f"the paper's checkpoints: {problem}: run `bash download_checkpoints.sh`")
    refuse_rest(root / PAPER, problem)
    say_terms("the paper's checkpoints", TERMS)
    with unpacked_archive(ARCHIVE, base_url, root, timeout=timeout) as content:
        top = _top(content)
        models = _models_in(top)
        if not models:
            raise InputError(f"{ARCHIVE.name} has none of the models {', '.join(MODELS)}")
        listed = convert(top, models, content / f".{PAPER}")
        for path in sorted(top.iterdir()):
            if path.is_dir() and path.name not in (*models, "__MACOSX", f".{PAPER}"):
                _place_new(path, root / path.name)
        write_json(content / f".{PAPER}" / _LIST, listed)
        place(content / f".{PAPER}", root / PAPER)
    return _say_contents(root, "are ready")


def missing(root: Path) -> str | None:
    """What `root` lacks of the paper's models, in words; None where all that could be converted is there."""
    listed = _contents(root)
    if listed is None:
        return f"'{root / PAPER / _LIST}' is missing"
    for name, files in listed["models"].items():
        for file in files:
            if not (root / PAPER / name / file).is_file():
                return f"'{root / PAPER / name / file}' is missing"
    return None


def convert(top: Path, models: list[str], target: Path) -> dict[str, Any]:
    """Convert the training checkpoints of `models`, folders of `top`, to `target`/<model>/*.safetensors.

    Returns {"models": {model: [file, …, last.safetensors]}, "refused": {file: reason}}: a file that the
    weights-only loader refuses, or that is no small convnet, does not keep the others away.
    """
    from rdx.models.checkpoints import read_checkpoint, save_checkpoint

    done: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for name in models:
        read = []
        for path in _weights_in(top / name):
            try:
                module, header = read_checkpoint(path)
                header.step = _step(path)
            except InputError as error:
                # The first sentence: torch goes on to say how the file could be run.
                refused[str(path.relative_to(top))] = str(error).replace(f"{locate(top)}/", "").partition(". ")[0]
                continue
            header.training = {"name": name, "source": f"{ARCHIVE.name}: {path.relative_to(top)}"}
            read.append((path.stem == "last", header.step or 0, path.stem, module, header))
        read.sort(key=lambda one: one[:3])
        for position, (_, _, stem, module, header) in enumerate(read, start=1):
            plain = stem if header.step is None else f"step_{header.step:06d}"
            file = _LAST if position == len(read) else f"{plain}.safetensors"
            if file in done.get(name, []):
                file = f"{plain}-{stem}.safetensors"
            save_checkpoint(target / name / file, module, header)
            done.setdefault(name, []).append(file)
    return {"models": done, "refused": refused}


def _top(content: Path) -> Path:
    """The folder of the models in what was unpacked: the highest that has one of them."""
    for folder in (content, *sorted(content.glob("*")), *sorted(content.glob("*/*"))):
        if folder.is_dir() and _models_in(folder):
            return folder
    return content


def _models_in(folder: Path) -> list[str]:
    return [name for name in MODELS if (folder / name).is_dir()]


def _weights_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file())


def _step(path: Path) -> int | None:
    """The training step that a checkpoint of Lightning notes."""
    from rdx.models.weights import read_torch

    content = read_torch(path)
    step = content.get("global_step") if isinstance(content, Mapping) else None
    return step if type(step) is int and step >= 0 else None


def _place_new(source: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        say(f"{target} exists and stays as it is")
    else:
        place(source, target)


def _contents(root: Path) -> dict[str, Any] | None:
    try:
        listed = json.loads((root / PAPER / _LIST).read_text(encoding="utf-8"))
        return listed if listed["models"].items() is not None and listed["refused"].items() is not None else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _say_contents(root: Path, state: str) -> None:
    """Say what is there. Raises DownloadError naming the files that were refused."""
    listed = _contents(root)
    models, refused = listed["models"], listed["refused"]
    say(f"the paper's checkpoints {state}: {root / PAPER}/ ({', '.join(models) or 'none'})")
    if models:
        say(f"use one as checkpoint:{root / PAPER / next(iter(models)) / _LAST}")
    if (root / PROJECTIONS).is_file():
        say(f"the published CUB projections: {root / PROJECTIONS}")
    absent = [name for name in MODELS if name not in models]
    if refused:
        more = f" (the first of {len(refused)} such files)" if len(refused) > 1 else ""
        raise DownloadError(f"not taken from {ARCHIVE.name}: {next(iter(refused.values()))}{more}")
    if absent:
        say(f"not in {ARCHIVE.name}: {', '.join(absent)}")
