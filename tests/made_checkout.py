"""A copy of the set-up in a folder of its own, whose Python writes down what pip is asked to install.

Use: `from made_checkout import Checkout` (the tests' folder is on the path).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SET_UP_FILES = (
    "setup.sh",
    ".ci/run",
    "scripts/test.sh",
    "scripts/lib.sh",
    "requirements.txt",
    "requirements-test.txt",
    "pyproject.toml",
)
NO_ENVIRONMENT = {"VIRTUAL_ENV": "", "CONDA_PREFIX": "", "RDX_TORCH_INDEX": "default", "PYTHON": ""}
PYTHON = shlex.quote(sys.executable)
Done = subprocess.CompletedProcess[str]


def bash(code: str, folder: Path = ROOT, **environment: str) -> Done:
    env = {**os.environ, **NO_ENVIRONMENT, **environment}
    return subprocess.run(
        ["bash", "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False
    )


def add_python(folder: Path, name: str, body: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/bash\n{body}\n")
    program.chmod(0o755)


class Checkout:
    """A copy of the set-up in a folder of its own with an active environment."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a project"
        for name in SET_UP_FILES:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.prefix = folder / "environment"
        (self.prefix / "bin").mkdir(parents=True)
        self.log = folder / "pip.log"
        self.pip("exit 0")

    def pip(self, body: str) -> None:
        add_python(
            self.prefix / "bin",
            "python",
            'case "$1 $2 $3" in\n'
            f'"-m pip install") echo "$*" >>"{self.log}"; {body} ;;\n'
            '"-m pip "*) exit 0 ;;\n'
            "-c*ensure_torchvision*) exit 0 ;;\n"
            f'*) exec {PYTHON} "$@" ;;\nesac',
        )

    @property
    def stamp(self) -> Path:
        return self.prefix / "rdx-setup.stamp"

    def installs(self) -> list[str]:
        """What pip was asked to install since the last look."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines

    def set_up(self, *arguments: str) -> Done:
        return bash(" ".join(["bash setup.sh", *arguments]), self.root, VIRTUAL_ENV=str(self.prefix))
