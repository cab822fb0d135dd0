"""torchvision must import whether or not its compiled part fits torch; each case in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A package that loads like torchvision without its compiled part, so the case is there on every machine.
WITHOUT_OPERATORS = """
from torchvision import extension
import torchvision.annotations
loaded = True
"""
ANNOTATIONS = """
import torch
import torchvision
torchvision.extension.has_ops()

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets.new_empty((0,))

@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold):
    return dets.new_empty((0,))
"""


def run(code: str, *first_on_path: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(folder) for folder in [*first_on_path, ROOT])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(WITHOUT_OPERATORS)
    (package / "extension.py").write_text("def has_ops():\n    return False\n")
    (package / "annotations.py").write_text(ANNOTATIONS)
    return tmp_path


@pytest.mark.slow
def test_the_installed_torchvision_and_timm_import() -> None:
    done = run(
        "from rdx._torchvision import ensure_torchvision, import_torchvision\n"
        "ensure_torchvision(); ensure_torchvision()\n"
        "import torchvision, timm\n"
        "from torchvision import transforms\n"
        "assert import_torchvision() is torchvision\n"
        "transforms.Resize(8)\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_missing_operators_are_declared(broken: Path) -> None:
    done = run(
        "from rdx._torchvision import import_torchvision\n"
        "assert import_torchvision().loaded\n"
        "import gc, torch; gc.collect()\n"
        "print(torch.ops.torchvision.nms.default._schema)\n"
        "print(torch.ops.torchvision.qnms.default._schema)\n",
        broken,
    )
    assert done.returncode == 0, done.stderr
    assert "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" in done.stdout


def test_a_half_imported_torchvision_is_started_afresh(broken: Path) -> None:
    """Without the guard the stand-in fails as the real one does."""
    done = run(
        "import sys\n"
        "try:\n"
        "    import torchvision\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
        "assert 'torchvision.extension' in sys.modules\n"
        "from rdx._torchvision import import_torchvision\n"
        "assert import_torchvision().loaded\n"
        # Only a fresh import of the part binds it to the new package.
        "assert import_torchvision().extension is sys.modules['torchvision.extension']\n",
        broken,
    )
    assert done.returncode == 0, done.stderr
    assert "operator torchvision::nms does not exist" in done.stdout


def test_nothing_is_declared_where_the_plain_import_works_and_other_failures_are_passed_on(tmp_path: Path) -> None:
    bodies = ("raise RuntimeError('compiled with different CUDA versions')", "raise ImportError('no Pillow')")
    for number, body in enumerate((*bodies, "loaded = True")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "torchvision.py").write_text(f"{body}\n")
    done = run(
        "import sys\n"
        "import rdx._torchvision as guard\n"
        "for number in '01':\n"
        f"    sys.path.insert(0, {str(tmp_path)!r} + '/' + number)\n"
        "    try:\n"
        "        guard.ensure_torchvision()\n"
        "    except Exception as error:\n"
        "        print(f'{type(error).__name__}: {error}')\n"
        f"sys.path.insert(0, {str(tmp_path)!r} + '/2')\n"
        "assert guard.import_torchvision().loaded and guard._library is None\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "RuntimeError: compiled with different CUDA versions", "ImportError: no Pillow"
    ]  # fmt: skip
