"""The paper's subset of iNaturalist: data.json and the images that it lists."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rdx.data.download.archives import Archive, fetch_into, folders_with
from rdx.data.download.source import BaseUrl, Check, Root, Timeout, is_complete, say
from rdx.data.sets.inaturalist import KEYS
from rdx.errors import InputError

ROOT = Path("data/inat_subset")
BASE_URL = "https://data.caltech.edu/records/chw9h-4bs90/files"
ARCHIVE = Archive("inat_subset.zip")
TERMS = "https://data.caltech.edu/records/chw9h-4bs90 and those of each photo at https://www.inaturalist.org"

_LIST = "data.json"


def download(
    *, root: Root = ROOT, check: Check = False, base_url: BaseUrl = BASE_URL, timeout: Timeout = 30.0
) -> None:
    """The paper's subset of iNaturalist, for the experiments clip_vs_clipinat."""
    problem = missing(root)
    name = "data set inaturalist"
    if not is_complete(name, root, problem, check=check, command="bash download_inaturalist.sh"):
        fetch_into(
            ARCHIVE, base_url, root, _top,
            store=root.parent, problem=problem, what="the iNaturalist subset", terms=TERMS, timeout=timeout,
        )  # fmt: skip
        say(f"{name} is ready: {root}")


def missing(root: Path) -> str | None:
    """What `root` lacks, in words; None where data.json and all the images that it lists are complete."""
    path = root / _LIST
    if not path.is_file():
        return f"'{path}' is missing"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return f"'{path}' is not a whole JSON file"
    for key in KEYS:
        if not isinstance(listed, dict) or not isinstance(listed.get(key), (list, dict)):
            return f"'{path}' has no '{key}'"
    # By name alone: the paths may begin at a folder above this one, which the data set sees to.
    there = {name for _, _, names in os.walk(root, followlinks=True) for name in names}
    gone = [text for text in listed["file_paths"] if str(text).rsplit("/", 1)[-1] not in there]
    return f"the image '{gone[0]}' is missing, one of {len(gone)}" if gone else None


def _top(content: Path) -> Path:
    """The folder of data.json in what was unpacked."""
    found = folders_with(_LIST, content)
    if not found:
        raise InputError(f"{ARCHIVE.name} has no {_LIST}")
    problem = missing(found[0])
    if problem is not None:
        raise InputError(f"{ARCHIVE.name} is not whole: {problem.replace(f'{content}/', '')}")
    return found[0]
