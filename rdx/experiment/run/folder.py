"""A run's folder: where everything lies, and the stamps that say which step made which files."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rdx.errors import InputError
from rdx.files import sha256_file, sync_folder, write_json, writing
from rdx.locks import STAMPS

OUTPUTS = "outputs"
CONFIG = "config.yaml"
_log = logging.getLogger(__name__)
RAW, A_TO_B, B_TO_A = "raw", "a_to_b", "b_to_a"  # which pair of representations is meant


@dataclass(frozen=True)
class RunFolder:
    """One run on disk. Outputs are named relative to `root`; a folder's name ends with a slash."""

    root: Path

    def path(self, output: str) -> Path:
        return self.root / output

    def stamps(self) -> Iterator[str]:
        """The names of all steps that were ever finished here."""
        base = self.root / STAMPS
        for path in sorted(base.rglob("*.json")):
            name = path.relative_to(base)
            if not any(part.startswith(".") for part in name.parts):  # or it is one that was never finished
                yield name.as_posix().removesuffix(".json")

    def fingerprint(self, step: str) -> str | None:
        """What the finished step was made of; None where there is none."""
        return self._stamp(step).get("fingerprint")

    def is_done(self, step: str, fingerprint: str) -> bool:
        """Whether the step was finished with these settings and its files are still what it wrote."""
        stamp = self._stamp(step)
        if stamp.get("fingerprint") != fingerprint:
            return False
        for output, (size, digest) in stamp["outputs"].items():
            path = self.path(output)
            if not path.is_file():
                _log.warning("'%s' is gone: step %s is done again", path, step)
                return False
            if path.stat().st_size != size or sha256_file(path) != digest:
                _log.warning("'%s' is not as it was written (its checksum is wrong): step %s is done again", path, step)
                return False
        return True

    def clear(self, step: str, outputs: Iterable[str] = ()) -> None:
        """Forget a step and remove what it made, and what an interrupted try may have left."""
        made = self._stamp(step).get("outputs", {})
        stamp = self._stamp_path(step)
        with writing(stamp):
            if stamp.exists():  # first: from here on nothing below counts as whole
                stamp.unlink()
                sync_folder(stamp.parent)
        for output in [*made, *outputs]:
            path = self.path(output)
            with writing(path):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                self._drop_empty(path.parent)

    def make_way(self, step: str, fingerprint: str, outputs: Iterable[str]) -> None:
        """Before a step is carried out, remove whatever it would not make again.

        What it made of the same before stays until it is replaced: where the new try fails, it is still there.
        """
        stamp = self._stamp(step)
        if stamp.get("fingerprint") != fingerprint:
            self.clear(step, outputs)
            return
        for path in list(self._files(outputs)):
            if path.relative_to(self.root).as_posix() not in stamp["outputs"]:
                with writing(path):
                    path.unlink()

    def seal(self, step: str, fingerprint: str, outputs: Iterable[str], seconds: float) -> None:
        """Write the stamp, last: sizes and checksums of the files that the step wrote."""
        made = {
            path.relative_to(self.root).as_posix(): [path.stat().st_size, sha256_file(path)]
            for path in self._files(outputs)
        }
        write_json(
            self._stamp_path(step),
            {"step": step, "fingerprint": fingerprint, "seconds": round(seconds, 3), "outputs": made},
        )

    def _files(self, outputs: Iterable[str]) -> Iterator[Path]:
        for output in outputs:
            path = self.path(output)
            if output.endswith("/"):
                yield from sorted(p for p in path.rglob("*") if p.is_file())
            elif path.is_file():
                yield path

    def _stamp_path(self, step: str) -> Path:
        return self.root / STAMPS / f"{step}.json"

    def _stamp(self, step: str) -> dict:
        """The step's stamp; an absent or broken one says nothing."""
        try:
            stamp = json.loads(self._stamp_path(step).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) and isinstance(stamp.get("outputs"), dict) else {}

    def _drop_empty(self, folder: Path) -> None:
        while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def run_folders(configs: Sequence[Path], names: Sequence[str], output_dir: Path | None) -> list[Path]:
    """Where experiments go: `output_dir` (several: one folder each inside it), else outputs/<name>.

    A saved configuration goes on in the folder it lies in. `configs` may be empty. Raises InputError
    where two would share a folder.
    """
    folders = []
    for i, name in enumerate(names):
        source = configs[i] if configs else None
        if output_dir is not None:
            folders.append(output_dir / name if len(names) > 1 else output_dir)
        elif source and source.name == CONFIG and (source.parent / STAMPS).is_dir():
            folders.append(source.parent)
        else:
            folders.append(Path(OUTPUTS) / name)
    for i, folder in enumerate(folders):
        if folder in folders[:i]:
            raise InputError(f"two experiments would write to '{folder}'; change one's 'name'")
    return folders


def pair_name(a: str, b: str) -> str:
    """The folder of a comparison."""
    return f"{a}_vs_{b}"
