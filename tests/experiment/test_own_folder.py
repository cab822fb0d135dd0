"""A comparison never goes into another one's folder, and every path of the command line is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from made_commands import rdx

from rdx.config import parse_experiment
from rdx.console import ExitCode, exit_codes, given_path
from rdx.data.locate import locate
from rdx.errors import InputError
from rdx.experiment.compare import configuration
from rdx.experiment.own_folder import own_folder
from rdx.experiment.plan.origin import origin_of


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def finished(config, folder: Path) -> None:
    """As much of a run as tells what it is."""
    (folder / ".steps").mkdir(parents=True)
    (folder / "config.yaml").write_text(config.as_yaml(), encoding="utf-8")


def comparison(a: str, b: str = "features:clip/embeddings.npy", **options):
    return configuration(f"features:{a}/embeddings.npy", b, **options)


def test_names_come_from_what_differs_and_two_of_one_name_have_two_folders(here, caplog):
    first = comparison("dino")
    assert first.name == "dino_vs_clip"
    assert [entry.title for entry in first.representations.values()] == ["dino", "clip"]
    _, folder = own_folder(first, None)
    assert folder == Path("outputs/dino_vs_clip")
    finished(first, folder)
    assert own_folder(comparison("dino", gamma=0.2), None)[1] == folder  # the same comparison with other settings
    second, place = own_folder(comparison("old/dino"), None)
    assert (second.name, place) == ("dino_vs_clip-2", Path("outputs/dino_vs_clip-2"))
    assert f"'{folder}' has another comparison in it" in caplog.text
    finished(second, place)
    assert own_folder(comparison("old/dino"), None)[1] == place
    with pytest.raises(InputError, match=r"'outputs/dino_vs_clip' has another comparison in it \(features:dino/"):
        own_folder(comparison("mae"), folder)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_path_is_refused(here, capsys, empty):
    with pytest.raises(InputError, match="output_dir is empty"):
        own_folder(comparison("dino"), empty)
    with pytest.raises(InputError, match="a path is empty"):
        locate(empty)
    for command in (["run", "x.yaml", "--output-dir", empty], ["run", empty], ["compare", "--images", empty]):
        assert rdx(*command) == 2
        said = capsys.readouterr().err
        assert "it is empty; is a variable not set?" in said and said.count("\n") == 1
    assert not list(here.iterdir())


def test_a_tilde_is_the_home_folder(here):
    assert given_path("~/x") == here / "home/x" == locate("~/x")
    assert own_folder(comparison("dino"), "~/x")[1] == here / "home/x"


@pytest.mark.parametrize("name", ["sweep", "known_difference", "items", "Metrics", "summary.json", "x.json"])
def test_a_methods_name_that_a_step_or_file_has_is_refused(name):
    values = {"name": "x", "representations": {"a": "features:a.npy", "b": "features:b.npy"},
              "methods": [{"name": name, "method": "kmeans"}]}  # fmt: skip
    with pytest.raises(InputError, match=f"a method cannot be named '{name}'"):
        parse_experiment(values, source="x")


def test_a_second_ctrl_c_ends_at_once_with_130(monkeypatch, capsys):
    handlers, codes = [], []
    monkeypatch.setattr("rdx.console.signal.signal", lambda number, handler: handlers.append(handler))
    monkeypatch.setattr("rdx.console.os._exit", codes.append)
    with pytest.raises(typer.Exit) as left, exit_codes(False):
        raise KeyboardInterrupt
    handlers[0](2, None)
    assert left.value.exit_code == ExitCode.INTERRUPTED and codes == [130]
    assert capsys.readouterr().err.startswith("interrupted")


def test_two_files_of_one_name_do_not_take_turns_in_a_folder(here):
    first, second = comparison("dino"), comparison("mae")
    mae = second.model_copy(update={"name": first.name})
    folder = Path("outputs") / first.name
    for name in ("a.yaml", "b.yaml"):
        (here / name).write_text("name: x")
    assert origin_of(first, "compare", folder) is None
    told = origin_of(first, "a.yaml", folder)
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps({"configuration": told}))
    with pytest.raises(InputError, match=r"'b.yaml' and '.*a\.yaml' are both called .* change a 'name', or give --out"):
        origin_of(mae, "b.yaml", folder)
    assert origin_of(mae, "a.yaml", folder) != told  # the same file, changed meanwhile
    assert origin_of(first, "b.yaml", folder)["fingerprint"] == told["fingerprint"]  # a copy of it
    (folder / "config.yaml").write_text("name: x")
    assert origin_of(mae, str(folder / "config.yaml"), folder) == told  # a run goes on from what it saved
    (here / "a.yaml").rename(here / "c.yaml")
    assert origin_of(mae, "b.yaml", folder)["file"].endswith("b.yaml")
