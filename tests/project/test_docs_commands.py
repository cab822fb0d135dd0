"""Every command that a page shows is one: options are parsed, models and files are there. Most are run by others."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer

from rdx import cli
from rdx.models import parse_spec

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
OF_DASK = (
    "dask scheduler --scheduler-file F",
    "dask worker --scheduler-file F --resources GPU=1",
)  # run by test_cluster


def shown(page: str) -> list[str]:
    """The lines of its blocks of commands."""
    blocks = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def mentioned(page: str) -> list[str]:
    """What its text has of commands: options may be all that is said."""
    found = re.findall(r"(?<!`)`((?:rdx (?:run|compare|train|sweep|explore|export)|bash|pip install) [^`]+)`", page)
    return [line for line in found if "…" not in line and not line.endswith(("...", "--help"))]


def check(line: str) -> None:
    """Raises an error for a command that could not be carried out as written."""
    words = [word for word in shlex.split(line) if not word.startswith("RDX_")]
    match words:
        case ["rdx", *rest] | ["python", "-m", "rdx", *rest]:
            _check_rdx(rest)
        case ["bash", script, *_] if not re.search(r"[<*]", script):
            assert (ROOT / script).is_file(), "no such script"
        case ["python", "-m", module, *_]:
            assert importlib.util.find_spec(module), "no such module"
        case ["python", script, *_]:
            assert (ROOT / script).is_file(), "no such script"
        case ["pip", "install", *wanted]:
            extras = [name for one in wanted for name in re.findall(r"^rdx\[(.+)\]$", one)]
            assert set(extras) <= set(EXTRAS), "no such extra"
        case _:
            assert line in OF_DASK, "no command that is known here"


def _check_rdx(words: list[str]) -> None:
    known = typer.main.get_command(cli.app).commands
    assert words and words[0] in known, "no such command"
    given = known[words[0]].make_context("rdx", cli._align_alone(words[1:])).params
    for spec in (given.get("a"), given.get("b")):
        if spec and spec not in ("SPEC", "…"):
            parse_spec(spec)
    assert all("=" in change for change in given.get("changes") or []), "--set takes KEY=VALUE"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_could_be_carried_out(page):
    wrong = []
    text = page.read_text(encoding="utf-8")
    for line in (lines := shown(text)) + mentioned(text):
        try:
            check(line)
        except Exception as error:
            kind = type(error).__name__
            if line in lines or kind != "MissingParameter":
                wrong.append(f"{line}: {kind}: {error}")
    assert wrong == []


@pytest.mark.parametrize(
    "line",
    ["rdx comprae --a x", "rdx compare --a timm:x --c y", "rdx compare --a tim:x --b timm:y", "bash scripts/none.sh",
     "python -m rdx.none", "pip install 'rdx[hff]'", "rdx export x --too csv", "dask scheduler"],
)  # fmt: skip
def test_wrong_ones_are_noticed(line):
    with pytest.raises(Exception, match=r"\w"):
        check(line)
