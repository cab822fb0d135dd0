"""What a step has written: only that is ever replaced or removed, and only while it still is as it was written.

A file is noted, by size and checksum, before it takes its place, so a killed process leaves nothing unknown. What
somebody else has put there, or changed, stays: beside the new file, under another name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rdx.files import sha256_file, writing

Mark = tuple[int, str]  # size and sha256
Marks = dict[str, set[Mark]]  # by file, all that tries of a step have put there


def mark_of(path: Path) -> Mark:
    return path.stat().st_size, sha256_file(path)


def is_as_written(path: Path, marks: Iterable[Mark]) -> bool:
    """Whether a file is one of those that were written under its name."""
    if path.is_symlink() or not path.is_file():
        return False
    size = path.stat().st_size
    digests = {digest for length, digest in marks if length == size}
    return bool(digests) and sha256_file(path) in digests


def is_covered(name: str, outputs: Iterable[str]) -> bool:
    """Whether a file, relative to the run's folder, is among outputs; those that end with a slash are folders,
    a slash alone the whole one."""
    return any(name.startswith(output.lstrip("/")) if output.endswith("/") else name == output for output in outputs)


class Journal:
    """What unfinished tries of a step have written, a line a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def marks(self) -> Marks:
        """All that was noted; a line that was not finished says nothing."""
        found: Marks = {}
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return found
        for line in lines:
            try:
                name, size, digest = json.loads(line)
            except (ValueError, TypeError):
                continue
            found.setdefault(name, set()).add((size, digest))
        return found

    def add(self, name: str, mark: Mark) -> None:
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab", buffering=0) as file:
                file.write(f"\n{json.dumps([name, *mark])}\n".encode())  # an unfinished line before it ends here

    def forget(self) -> None:
        with writing(self.path):
            self.path.unlink(missing_ok=True)
