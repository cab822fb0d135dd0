"""What is written rather than run, each read once: configurations, promises, the README, the docs.

Every test walks all files of its kind and names all that is wrong.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import yaml

from rdx.config import load_experiment, read_yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
TRAININGS = sorted([*(CONFIGS / "train").glob("*.yaml"), *(CONFIGS / "quickstart").glob("train_*.yaml")])
DEFAULTS = set((CONFIGS / "defaults").glob("*.yaml"))
EXPERIMENTS = sorted(set(CONFIGS.rglob("*.yaml")) - set(TRAININGS) - DEFAULTS)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])
README = ROOT / "README.md"


def faults(paths: Iterable[Path], check: Callable[[Path], None]) -> list[str]:
    """What `check` says of each file that it does not accept."""
    found = []
    for path in paths:
        try:
            check(path)
        except Exception as error:
            found.append(f"{path.relative_to(ROOT)}: {type(error).__name__}: {error}")
    return found


# --- configurations


def test_every_experiment_is_valid():
    from rdx.data import DATASETS, dataset_settings
    from rdx.experiment.stages.methods import check_settings, method_runs

    def check(path: Path) -> None:
        config = load_experiment(path)
        for run in method_runs(config):
            check_settings(run, config)
        assert config.data["dataset"] in DATASETS
        assert set(config.data) - {"dataset"} <= set(dataset_settings(config.data["dataset"]))

    assert len(EXPERIMENTS) > 25 and faults(EXPERIMENTS, check) == []


def test_every_training_is_valid():
    from rdx.models.training_settings import training_of

    def check(path: Path) -> None:
        module, settings = training_of(read_yaml(path), source=str(path))
        assert settings.name in (path.stem, f"quickstart_{path.stem.removeprefix('train_')}")
        assert callable(module.train)

    assert len(TRAININGS) > 8 and faults(TRAININGS, check) == []


@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one a folder", "all"])
def test_every_configuration_can_be_planned_without_data(in_a_folder, tmp_path, monkeypatch, capsys, many):
    """`--dry-run` where nothing was downloaded; for BiomedCLIP, which takes long to describe, see test_scripts.py."""
    from rdx import cli

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if not many:  # an image through every architecture takes most of the time
        monkeypatch.setattr("rdx.features.description.try_layer", lambda *_: 8)

    def check(path: Path) -> None:
        with pytest.raises(SystemExit) as left:
            cli.main(["train" if path in TRAININGS else "run", str(path), "--dry-run"])
        said = capsys.readouterr()
        assert not left.value.code and said.out.strip(), said.err

    paths = [path for path in EXPERIMENTS + TRAININGS if path.parent.name != "rsna_biomedclip"]
    one_a_folder = {path.parent: path for path in reversed(paths)}
    assert faults(paths if many else one_a_folder.values(), check) == []
    assert list(tmp_path.iterdir()) == []


def test_every_header_says_what_to_expect_and_how_to_run_it():
    def check(path: Path) -> None:
        lines = path.read_text(encoding="utf-8").splitlines()
        text = "\n".join(lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))])
        assert "Expected" in text or "accuracy" in text
        assert path.relative_to(ROOT).as_posix() in text or "bash scripts/" in text
        assert "TIME" not in text and "EXPECT" not in text  # places left to be filled in

    assert faults(EXPERIMENTS + TRAININGS, check) == []


def test_only_what_differs_from_its_base_stands_in_a_file():
    def check(path: Path) -> None:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        base = values.pop("base", None)
        below = read_yaml(path.parent / base) if base else {}
        assert not [key for key, value in values.items() if key in below and below[key] == value]
        data = below.get("data", {})
        assert not [key for key, value in values.get("data", {}).items() if key in data and data[key] == value]

    assert faults(EXPERIMENTS, check) == []


# --- promises


def named_tests(page: str) -> list[tuple[str, str]]:
    """File and function of every test that a page names; a function named alone is in the file before it."""
    found, file = [], ""
    for text in re.findall(r"`([^`]+)`", page):
        path, _, function = text.partition("::")
        if path.startswith("tests/") and path.endswith(".py"):
            file = path
            found.append((file, function))
        elif file and re.fullmatch(r"…?_?\w*(test_\w+|\w+_programs)…?", text):
            found.append((file, text))
    return found


def test_every_test_that_a_page_names_is_there():
    def check(path: Path) -> None:
        for file, function in named_tests(path.read_text(encoding="utf-8")):
            source = (ROOT / file).read_text(encoding="utf-8")
            pattern = r"\w*".join(re.escape(part) for part in function.split("…"))
            assert re.search(rf"def \w*{pattern}", source), f"no {function} in {file}"

    assert faults(PAGES, check) == []
    assert len(named_tests((ROOT / "docs/promises.md").read_text(encoding="utf-8"))) > 25


# --- README and docs


def test_every_command_of_the_readme_is_known_to_a_test():
    elsewhere = {
        "bash scripts/quickstart.sh": "tests/project/test_quickstart.py",
        "bash scripts/test.sh": ".ci/run",
        "bash download_mnist.sh": "tests/data/download/test_download.py",
        "python analyze_explanations.py outputs/quickstart": "tests/analysis/test_analysis.py",
    }
    for command, where in elsewhere.items():
        assert command.split()[1].split("/")[-1].removesuffix(".sh") in (ROOT / where).read_text(encoding="utf-8")
    tried = (  # by test_readme.py
        "rdx compare --a timm:", "rdx compare --a features:", "rdx run configs/mnist_modification/",
        "bash scripts/mnist_835_experiment.sh", 'bash "scripts/mnist_modification_experiment_k=3.sh"',
        "python benchmarks/",
    )  # fmt: skip
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]
    assert commands
    assert [line for line in commands if line not in elsewhere and not line.startswith(tried)] == []


def test_every_link_and_every_script_of_a_page_is_there():
    def check(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        assert not [link for link in links if link and not (path.parent / link).exists()]
        scripts = re.findall(r"\b(?:bash|python) \"?([\w./=]+\.(?:sh|py))\b", text)
        assert not [script for script in scripts if not (ROOT / script).is_file()]

    assert faults(PAGES, check) == []


# Where a file lies on somebody's machine, and what is still to be done; written in pieces, since this is a text too.
PLACE = r"(?<![\w.}])/(?:home|Users|root|work)/" + r"(?!x\b)\w"
FORBIDDEN = re.compile("|".join([PLACE, r"\b(?:TO" + "DO|FIX" + r"ME)\b"]))


def test_no_text_names_a_place_of_one_machine_or_is_left_to_be_finished():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    kinds = (".py", ".sh", ".md", ".yaml", ".toml", ".js", ".css", ".html", ".txt", ".cff", "run")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name.endswith(kinds)]

    def check(path: Path) -> None:
        found = FORBIDDEN.search(path.read_text(encoding="utf-8"))
        assert found is None, found[0]

    assert len(paths) > 200 and faults([path for path in paths if path.exists()], check) == []
