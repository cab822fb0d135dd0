"""CUB-200-2011, and the lists of the concept-bottleneck models on it (class_attr_data_10)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdx.data.download.archives import Archive, fetch_into, folders_with
from rdx.data.download.source import BaseUrl, Check, Root, Timeout, is_complete, say
from rdx.data.sets.cub import read_numbered
from rdx.errors import InputError
from rdx.files import copy_file

ROOT = Path("data/CUB_200_2011")
BASE_URL = "https://data.caltech.edu/records/65de6-vp158/files"
LISTS_URL = "https://data.caltech.edu/records/chw9h-4bs90/files"
IMAGES = Archive("CUB_200_2011.tgz", "md5:97eceeb196236b17998738112f37df78")
LISTS = Archive("class_attr_data_10.zip")
TERMS = "https://data.caltech.edu/records/65de6-vp158"
LISTS_TERMS = "https://data.caltech.edu/records/chw9h-4bs90"

_TOP = "CUB_200_2011"
_ATTRIBUTES = "attributes/attributes.txt"
_FILES = ("images.txt", "image_class_labels.txt", "classes.txt")
_LISTS = "class_attr_data_10"

ListsUrl = Annotated[str, typer.Option(metavar="URL", help=f"The same for {LISTS.name}.")]


def download(
    *,
    root: Root = ROOT,
    check: Check = False,
    base_url: BaseUrl = BASE_URL,
    lists_url: ListsUrl = LISTS_URL,
    timeout: Timeout = 30.0,
) -> None:
    """CUB-200-2011: 11,788 photos of birds with attributes (1.2 GB), and the lists class_attr_data_10."""
    lists = root / _LISTS
    if root.is_dir() and not check:
        _take_names(root, root.resolve().parent)
    problem, lists_problem = missing(root), missing_lists(lists)
    if is_complete("data set cub", root, problem or lists_problem, check=check, command="bash download_cub.sh"):
        return
    if problem is not None:
        fetch_into(
            IMAGES, base_url, root, _arranged,
            store=root.parent, problem=problem, what="CUB-200-2011", terms=TERMS, timeout=timeout,
        )  # fmt: skip
    if lists_problem is not None:
        fetch_into(
            LISTS, lists_url, lists, _lists_in,
            store=root.parent, problem=lists_problem, what=LISTS.name, terms=LISTS_TERMS, timeout=timeout,
        )  # fmt: skip
    say(f"data set cub is ready: {root}")


def missing(root: Path) -> str | None:
    """What `root` lacks of CUB's own files, in words; None where it is complete."""
    for name in _FILES:
        if not (root / name).is_file():
            return f"'{root / name}' is missing"
    if not (root / _ATTRIBUTES).is_file():
        return f"'{root / _ATTRIBUTES}' is missing (in {IMAGES.name} it is attributes.txt, beside the folder)"
    paths = read_numbered(root / "images.txt").values()
    gone = [path for path in paths if not (root / "images" / path).is_file()]
    return f"'{root / 'images' / gone[0]}' is missing, one of {len(gone)} photos" if gone else None


def missing_lists(folder: Path) -> str | None:
    """What `folder` lacks of the two lists, in words; None where it is complete."""
    gone = [name for name in ("train.pkl", "test.pkl") if not (folder / name).is_file()]
    return f"'{folder / gone[0]}' is missing" if gone else None


def _arranged(content: Path) -> Path:
    """CUB's folder in what was unpacked, with the names of the attributes, which lie beside it, in it."""
    top = content / _TOP
    if not top.is_dir():
        raise InputError(f"{IMAGES.name} has no folder {_TOP}")
    _take_names(top, content)
    problem = missing(top)
    if problem is not None:
        raise InputError(f"{IMAGES.name} is not CUB-200-2011: {problem.replace(f'{content}/', '')}")
    return top


def _take_names(top: Path, beside: Path) -> None:
    if not (top / _ATTRIBUTES).exists() and (beside / "attributes.txt").is_file():
        copy_file(beside / "attributes.txt", top / _ATTRIBUTES)


def _lists_in(content: Path) -> Path:
    for folder in folders_with("train.pkl", content):
        if missing_lists(folder) is None:
            return folder
    raise InputError(f"{LISTS.name} has no folder with train.pkl and test.pkl")
