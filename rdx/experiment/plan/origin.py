"""Which configuration file a run's folder belongs to: two of one name must not take turns in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.errors import InputError
from rdx.experiment.run.folder import CONFIG, ENVIRONMENT, OUTPUTS
from rdx.files import fingerprint

if TYPE_CHECKING:
    from rdx.config import Experiment

Origin = dict[str, str]  # `file`, and the `fingerprint` of what it said


def origin_of(config: Experiment, source: str | None, folder: Path) -> Origin | None:
    """What `folder` is going to say of the file `source`, whose configuration is `config`; None where it is no file.

    Raises InputError where the folder comes from the name alone, and holds the run of another file that is still
    there and says something else.
    """
    there = _recorded(folder)
    if source is None or not Path(source).is_file() or Path(source).absolute() == (folder / CONFIG).absolute():
        return there
    mine = {"file": str(Path(source).absolute()), "fingerprint": fingerprint(config.model_dump(mode="json"))}
    by_name = folder.absolute() == (Path(OUTPUTS) / config.name).absolute()
    if by_name and there and there["fingerprint"] != mine["fingerprint"] and _is_another(there["file"], source):
        raise InputError(
            f"'{source}' and '{there['file']}' are both called '{config.name}', and '{folder}' has the run of the "
            "second: change a 'name', or give --output-dir"
        )
    return mine


def _recorded(folder: Path) -> Origin | None:
    try:
        found = json.loads((folder / ENVIRONMENT).read_text(encoding="utf-8"))["configuration"]
        return {key: str(found[key]) for key in ("file", "fingerprint")}
    except (OSError, ValueError, KeyError, TypeError):
        return None  # of an older version, or not there


def _is_another(file: str, source: str) -> bool:
    return Path(file).is_file() and not Path(file).samefile(source)
