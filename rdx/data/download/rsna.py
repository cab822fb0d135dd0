"""The X-rays of the RSNA pneumonia challenge, which need a Kaggle account."""

from __future__ import annotations

from pathlib import Path

from rdx.data.download.archives import place
from rdx.data.download.source import Check, DownloadError, Root, say
from rdx.data.download.unpacking import Limits, unpacked
from rdx.data.sets.rsna import IMAGES, LABELS, read_targets
from rdx.errors import InputError

ROOT = Path("data/rsna")
ARCHIVE = "rsna-pneumonia-detection-challenge.zip"
PAGE = "https://www.kaggle.com/competitions/rsna-pneumonia-detection-challenge"
PATIENTS = 26_684  # in the published train set

_LIMITS = Limits(total=30 << 30, members=100_000)


def download(*, root: Root = ROOT, check: Check = False) -> None:
    """RSNA pneumonia challenge: says what to fetch with your Kaggle account, then unpacks and checks it (4 GB)."""
    problem, archives = missing(root), _archives(root)
    if problem is None:
        return say(f"data set rsna: already downloaded: {root} ({_counts(root)})")
    if check or not archives:
        advice = ": run `bash download_rsna.sh`" if archives else f".\n{instructions(root)}"
        raise DownloadError(f"data set rsna: {problem}{advice}")
    for archive in archives:
        say(f"unpacking {archive}")
        _take_from(archive, root)
    problem = missing(root)
    if problem is not None:
        names = " and ".join(f"'{archive}'" for archive in archives)
        raise DownloadError(f"data set rsna: {problem}; it is not in {names} either.\n{instructions(root)}")
    return say(f"data set rsna is ready: {root} ({_counts(root)}); {archives[0].name} is no longer needed")


def instructions(root: Path) -> str:
    """What the user has to do, line by line."""
    return (
        f"It needs a Kaggle account of your own:\n"
        f"  1. log in and accept the rules at {PAGE}/rules\n"
        f"  2. fetch {PAGE}/data (Download All)\n"
        f"     or: kaggle competitions download -c {ARCHIVE.removesuffix('.zip')}\n"
        f"  3. put {ARCHIVE} into {root}/ as it is\n"
        f"     or, unpacked: {root}/{IMAGES}/*.dcm and {root}/{LABELS}\n"
        f"  4. run this again: bash download_rsna.sh"
    )


def missing(root: Path) -> str | None:
    """What `root` lacks, in words; None where there are labels and an X-ray of every patient in them."""
    for name in (IMAGES, LABELS):
        if not (root / name).exists():
            return f"'{root / name}' is missing"
    there = {path.stem for path in (root / IMAGES).glob("*.dcm")}
    gone = sorted(set(read_targets(root / LABELS)) - there)
    return f"'{root / IMAGES / gone[0]}.dcm' is missing, one of {len(gone):,} X-rays" if gone else None


def _archives(root: Path) -> list[Path]:
    """Kaggle's zip, or those of its parts, in `root` or beside it."""
    names = (ARCHIVE, f"{IMAGES}.zip", f"{LABELS}.zip")
    return [folder / name for folder in (root, root.parent) for name in names if (folder / name).is_file()]


def _take_from(archive: Path, root: Path) -> None:
    """Move the labels and the folder of X-rays out of an archive, where they are missing."""
    with unpacked(archive, root, _LIMITS) as content:
        if not (root / LABELS).exists():
            found = [path for path in sorted(content.rglob(LABELS)) if path.is_file()]
            if found:
                place(found[0], root / LABELS)
        if not (root / IMAGES).exists():
            folders = sorted({path.parent for path in content.rglob("*.dcm") if "test" not in path.parent.name})
            if len(folders) > 1:
                raise InputError(f"'{archive}' has X-rays in several folders: {folders[0].name}, {folders[1].name}")
            if folders:
                place(folders[0], root / IMAGES)


def _counts(root: Path) -> str:
    """How many X-rays there are, and how many were published."""
    count = len(read_targets(root / LABELS))
    return f"{count:,} X-rays" + ("" if count == PATIENTS else f"; the published set has {PATIENTS:,}")
