"""A run's folder: where everything lies, and the stamps that say which step made which files."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rdx.errors import InputError
from rdx.experiment.run.record import Journal, Mark, Marks, is_as_written, is_covered, mark_of
from rdx.files import before_replacing, set_aside, sync_folder, write_json, writing
from rdx.locks import STAMPS

OUTPUTS = "outputs"
_STAMP, _JOURNAL = ".json", ".unfinished"
CONFIG, ENVIRONMENT = "config.yaml", "environment.json"
_log = logging.getLogger(__name__)
RAW, A_TO_B, B_TO_A = "raw", "a_to_b", "b_to_a"  # which pair of representations is meant


@dataclass(frozen=True)
class RunFolder:
    """One run on disk. Outputs are named relative to `root`; a folder's name ends with a slash."""

    root: Path

    def path(self, output: str) -> Path:
        return self.root / output

    def stamps(self) -> Iterator[str]:
        """The names of all steps that ever wrote something here."""
        base = self.root / STAMPS
        names = {path.relative_to(base) for suffix in (_STAMP, _JOURNAL) for path in base.rglob(f"*{suffix}")}
        plain = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        yield from sorted({name.with_name(name.name.rpartition(".")[0]).as_posix() for name in plain})

    def fingerprint(self, step: str) -> str | None:
        """What the finished step was made of; None where there is none."""
        return self._stamp(step).get("fingerprint")

    def is_done(self, step: str, fingerprint: str) -> bool:
        """Whether the step was finished with these settings and its files are still what it wrote."""
        stamp = self._stamp(step)
        if stamp.get("fingerprint") != fingerprint or not stamp["outputs"]:
            return False
        for output, mark in stamp["outputs"].items():
            path = self.path(output)
            if not path.is_file():
                _log.warning("'%s' is gone: step %s is done again", path, step)
                return False
            if not is_as_written(path, [tuple(mark)]):
                _log.warning("'%s' is not as it was written (its checksum is wrong): step %s is done again", path, step)
                return False
        return True

    def clear(self, step: str) -> None:
        """Forget a step and remove what it wrote, interrupted tries too; files that were changed since then stay."""
        for name, marks in self._written(step).items():
            self._remove(name, marks)
        stamp = self._path_of(step, _STAMP)
        with writing(stamp):
            if stamp.exists():
                stamp.unlink()
                sync_folder(stamp.parent)
        self._journal(step).forget()

    def make_way(self, step: str, fingerprint: str) -> None:
        """Before a step is carried out, remove what it wrote but would not make again.

        What it made of the same before stays until it is replaced: where the new try fails, it is still there.
        """
        stamp = self._stamp(step)
        if stamp.get("fingerprint") != fingerprint:
            self.clear(step)
            return
        for name, marks in self._written(step).items():
            if name not in stamp["outputs"]:
                self._remove(name, marks)

    @contextmanager
    def recording(self, step: str, outputs: Sequence[str]) -> Iterator[dict[str, Mark]]:
        """Inside, every file that takes its place among `outputs` is noted first: file → size and sha256.

        What is there and is none of the step's own is set aside.
        """
        known, journal, made = self._written(step), self._journal(step), {}

        def before(path: Path, new: Path) -> None:
            if not path.is_relative_to(self.root):
                return
            name = path.relative_to(self.root).as_posix()
            if not is_covered(name, outputs):
                return
            if (path.exists() or path.is_symlink()) and not is_as_written(path, known.get(name, ())):
                set_aside(path)
            mark = mark_of(new)
            if mark not in known.setdefault(name, set()):
                journal.add(name, mark)
                known[name].add(mark)
            made[name] = mark

        with before_replacing(before):
            yield made

    def seal(self, step: str, fingerprint: str, made: Mapping[str, Mark], seconds: float) -> None:
        """Write the stamp, last: sizes and checksums of the files that the step wrote.

        Raises RuntimeError where one of them is gone: somebody has removed it meanwhile.
        """
        for name, (size, _) in made.items():
            path = self.path(name)
            if not path.is_file() or path.stat().st_size != size:
                raise RuntimeError(f"'{path}' was removed or changed while the run was writing; run it again")
        for name, marks in self._written(step).items():
            if name not in made:  # of an earlier try
                self._remove(name, marks)
        write_json(
            self._path_of(step, _STAMP),
            {"step": step, "fingerprint": fingerprint, "seconds": round(seconds, 3), "outputs": dict(made)},
        )
        self._journal(step).forget()

    def _written(self, step: str) -> Marks:
        """What a finished step and interrupted tries have written."""
        found = self._journal(step).marks()
        for name, mark in self._stamp(step).get("outputs", {}).items():
            found.setdefault(name, set()).add(tuple(mark))
        return found

    def _remove(self, name: str, marks: set[Mark]) -> None:
        path = self.path(name)
        if is_as_written(path, marks):
            with writing(path):
                path.unlink()
                self._drop_empty(path.parent)
        elif path.exists():
            _log.warning("'%s' is not as this run wrote it: it is left where it is", path)

    def _path_of(self, step: str, suffix: str) -> Path:
        return self.root / STAMPS / f"{step}{suffix}"

    def _journal(self, step: str) -> Journal:
        return Journal(self._path_of(step, _JOURNAL))

    def _stamp(self, step: str) -> dict:
        """The step's stamp; an absent or broken one says nothing."""
        try:
            stamp = json.loads(self._path_of(step, _STAMP).read_text(encoding="utf-8"))
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
    where two would share a folder, or one has files in it and is no run's.
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
        check_is_ours(folder)
    return folders


def check_is_ours(folder: Path) -> None:
    """Raises InputError for a folder with files in it that is no run's; hidden ones don't count."""
    if (folder / STAMPS).is_dir() or not folder.is_dir():
        return
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    if names:
        raise InputError(
            f"the output folder '{folder}' is no run's and has files in it ('{names[0]}'): give a new or an empty one"
        )


def pair_name(a: str, b: str) -> str:
    """The folder of a comparison."""
    return f"{a}_vs_{b}"
