"""ImageNet (ILSVRC2012), whose archives everybody fetches with an account of their own.

The archives are checked once against the md5 that torchvision has for them (noted in <root>/.verified.json) and
unpacked synset by synset, each of which appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import typer

from rdx.compute.memory import in_words
from rdx.data.download.archives import place
from rdx.data.download.source import Check, DownloadError, Root, say
from rdx.data.download.transfer import check_space, has_checksum
from rdx.data.download.unpacking import Limits, unpacked
from rdx.data.sets.imagenet import PUBLISHED, class_numbers, synsets
from rdx.errors import InputError
from rdx.files import write_json

ROOT = Path("data/imagenet")
PAGE = "https://image-net.org/challenges/LSVRC/2012/2012-downloads.php"
TERMS = "https://image-net.org/accessagreement"
TRAIN, VAL, DEVKIT = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"
ARCHIVES = {  # md5, and the size in words
    TRAIN: ("1d675b47d978889d74fa0da5fadfb00e", "148 GB"),
    VAL: ("29b22e2961454d5413ddabcf34fc5622", "6.7 GB"),
    DEVKIT: ("fa75699e90414af021442c21a62c3abf", "2.6 MB"),
}
NEEDED = {"train": (TRAIN,), "val": (VAL, DEVKIT)}

_LIMITS = Limits(total=400 << 30, members=1_000_000)
_VERIFIED = ".verified.json"
_TRUTH, _META = "data/ILSVRC2012_validation_ground_truth.txt", "data/meta.mat"
_VAL_IMAGE = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")

Split = Annotated[Literal["train", "val", "all"], typer.Option(help="The experiments take train.")]
_SYNSETS = "Only these, with commas between: synsets, class numbers 0 … 999 or names."
Synsets = Annotated[str | None, typer.Option(metavar="LIST", help=_SYNSETS)]


def download(*, root: Root = ROOT, check: Check = False, split: Split = "train", synsets: Synsets = None) -> None:
    """ImageNet: says what to fetch with your account, then checks and unpacks it (or only some of its synsets)."""
    wanted = _chosen(synsets)
    splits = ("train", "val") if split == "all" else (split,)
    open_splits = [name for name in splits if _missing(root / name, wanted)]
    archives = [archive for name in open_splits for archive in NEEDED[name]]
    absent = [archive for archive in archives if not (root / archive).is_file()]
    if open_splits and (check or absent):
        first = _missing(root / open_splits[0], wanted)
        problem = f"'{root / open_splits[0] / first[0]}' is missing, one of {len(first):,} synsets"
        advice = f".\n{instructions(root, absent)}" if absent else ": run `bash download_imagenet.sh`"
        raise DownloadError(f"data set imagenet: {problem}{advice}")
    for name in archives:
        _verify(root, name)
    for name in open_splits:
        (_unpack_train if name == "train" else _unpack_val)(root, _missing(root / name, wanted))
        left = _missing(root / name, wanted)
        if left:
            raise InputError(f"'{root / NEEDED[name][0]}' has no images of {left[0]}, one of {len(left)} synsets")
    counts = ", ".join(_count(root / name, wanted) for name in splits)
    say(f"data set imagenet{' is ready' if open_splits else ': already downloaded'}: {root} ({counts})")
    if archives:
        say("The archives are no longer needed.")


def instructions(root: Path, archives: Iterable[str]) -> str:
    """What the user has to do, line by line."""
    listed = "\n".join(f"       {name}  ({ARCHIVES[name][1]}, md5 {ARCHIVES[name][0]})" for name in archives)
    return (
        f"It needs an account of your own:\n"
        f"  1. sign up at https://image-net.org/signup.php and accept the terms at {TERMS}\n"
        f"  2. from {PAGE} fetch\n{listed}\n"
        f"  3. put them, or symlinks to them, into {root}/\n"
        f"     or link a folder that has {{train,val}}/<synset>/*.JPEG: ln -s /where/it/is {root}\n"
        f"  4. run this again: bash download_imagenet.sh   (--synsets LIST unpacks only some classes)"
    )


def _chosen(text: str | None) -> list[str]:
    """The synsets asked for; all 1,000 where none is named."""
    if text is None:
        return list(synsets())
    numbers = class_numbers([part.strip() for part in text.split(",") if part.strip()])
    return [synsets()[number] for number in numbers or []]


def _missing(folder: Path, wanted: Iterable[str]) -> list[str]:
    """The synsets whose folder is missing or empty."""
    return [name for name in wanted if not (folder / name).is_dir() or not any((folder / name).iterdir())]


def _count(folder: Path, wanted: list[str]) -> str:
    count = sum(sum(entry.name[0] != "." for entry in os.scandir(folder / name)) for name in wanted)
    published = PUBLISHED[folder.name]
    of_all = f"; {published:,} are published" if len(wanted) == 1000 and count != published else ""
    return f"{folder.name}: {count:,} images of {len(wanted):,} synsets{of_all}"


def _verify(root: Path, name: str) -> None:
    """Check an archive's md5, unless this was done and the file is still the same."""
    path, (md5, _) = root / name, ARCHIVES[name]
    stat, notes = path.stat(), root / _VERIFIED
    state = [md5, stat.st_size, stat.st_mtime_ns]
    try:
        known = dict(json.loads(notes.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    if known.get(name) == state:
        return
    say(f"checking {path} ({in_words(stat.st_size)})")
    if not has_checksum(path, f"md5:{md5}"):
        raise DownloadError(f"'{path}' is not whole, or another file: its md5 should be {md5}; fetch it again")
    write_json(notes, known | {name: state})


def _unpack_train(root: Path, wanted: list[str]) -> None:
    """One archive of each synset lies in the archive of all of them."""
    from tqdm import tqdm

    archive, left = root / TRAIN, set(wanted)
    check_space(root, archive.stat().st_size * len(left) // 1000, f"unpacking '{archive}'")
    bar = tqdm(total=len(left), desc="unpacking", unit=" synsets", disable=None)
    with tarfile.open(archive, "r:") as package, bar:
        for member in package:
            name = PurePosixPath(member.name).name
            synset = name.removesuffix(".tar")
            if not member.isreg() or synset not in left:
                continue
            with package.extractfile(member) as stream, unpacked(Path(name), root, _LIMITS, stream=stream) as content:
                place(content, root / "train" / synset)
            left.discard(synset)
            bar.update()


def _unpack_val(root: Path, wanted: list[str]) -> None:
    """All images lie in one archive, in an order whose synsets the devkit knows."""
    truth = _val_synsets(root / DEVKIT)
    with unpacked(root / VAL, root, _LIMITS) as content:
        for path in sorted(content.rglob("*.JPEG")):
            match = _VAL_IMAGE.fullmatch(path.name)
            if match is None or not 1 <= int(match[1]) <= len(truth):
                raise InputError(f"'{path.name}' in {VAL} is no image of the validation set")
            synset = truth[int(match[1]) - 1]
            if synset in wanted:
                (content / synset).mkdir(exist_ok=True)
                os.replace(path, content / synset / path.name)
        for synset in wanted:
            if (content / synset).is_dir():
                place(content / synset, root / "val" / synset)


def _val_synsets(devkit: Path) -> list[str]:
    """The synset of every validation image, in their order."""
    import numpy as np
    from scipy.io import loadmat

    try:
        with unpacked(devkit, devkit.parent) as content:
            top = content / devkit.name.removesuffix(".tar.gz")
            meta = loadmat(top / _META, squeeze_me=True)["synsets"]
            truth = (top / _TRUTH).read_text(encoding="utf-8").split()
        leaves = meta[np.asarray(meta["num_children"], dtype=int) == 0]
        synsets = dict(zip(leaves["ILSVRC2012_ID"].tolist(), leaves["WNID"].tolist(), strict=True))
        return [str(synsets[int(line)]) for line in truth]
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"'{devkit}' is not the devkit expected: {type(error).__name__} {error}") from None
