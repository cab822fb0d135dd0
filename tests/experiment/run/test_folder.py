"""Only what a run itself has written, and still is as it wrote it, is ever replaced or removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rdx.errors import InputError
from rdx.experiment.run.folder import RunFolder, check_is_ours, run_folders
from rdx.files import write_text

STEP = "a_vs_b/kmeans/figures"
OUTPUTS = ("a_vs_b/kmeans/grids/", "a_vs_b/kmeans/loss.png")
GRID = "a_vs_b/kmeans/grids/a_not_b/concept_01.png"


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


def done(folder: RunFolder, made_by: str = "1", names=(GRID,), finish: bool = True, text: str = "ours") -> None:
    """Carry out a step that writes `names`; without `finish` it is broken off afterwards."""
    folder.make_way(STEP, made_by)
    with folder.recording(STEP, OUTPUTS) as made:
        for name in names:
            write_text(folder.path(name), text)
    if finish:
        folder.seal(STEP, made_by, made, 1.0)


def files(folder: RunFolder) -> dict[str, str]:
    base = folder.path("a_vs_b")
    return {path.relative_to(base).as_posix(): path.read_text() for path in base.rglob("*") if path.is_file()}


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "broken off"])
def test_files_of_the_user_stay(folder, finish):
    done(folder, finish=finish)
    folder.path("a_vs_b/kmeans/grids/thesis.png").write_text("mine")
    done(folder, "2", names=())
    assert files(folder) == {"kmeans/grids/thesis.png": "mine"}
    assert not folder.is_done(STEP, "2")  # a step that wrote nothing is none


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "broken off"])
def test_a_changed_file_is_neither_removed_nor_replaced(folder, caplog, finish):
    done(folder, finish=finish)
    folder.path(GRID).write_text("mine")
    done(folder, "2", text="new")
    assert files(folder) == {"kmeans/grids/a_not_b/concept_01.png": "new",
                             "kmeans/grids/a_not_b/concept_01.saved.png": "mine"}  # fmt: skip
    assert "it stays as 'concept_01.saved.png'" in caplog.text
    folder.path(GRID).write_text("more")
    done(folder, "3", text="new")
    assert files(folder)["kmeans/grids/a_not_b/concept_01.saved-2.png"] == "more"
    assert folder.is_done(STEP, "3")


def test_a_name_that_the_user_took_first(folder):
    folder.path("a_vs_b/kmeans").mkdir(parents=True)
    folder.path("a_vs_b/kmeans/loss.png").write_text("mine")
    done(folder, names=("a_vs_b/kmeans/loss.png",))
    assert files(folder) == {"kmeans/loss.png": "ours", "kmeans/loss.saved.png": "mine"}


def test_what_a_killed_try_left_is_removed(folder):
    done(folder, names=(GRID, "a_vs_b/kmeans/loss.png"), finish=False)
    journal = folder.path(f".steps/{STEP}.unfinished")
    journal.write_text(journal.read_text() + '\n["a_vs_b/kmeans/l')  # it was killed here
    assert list(folder.stamps()) == [STEP]
    done(folder, "2", names=())
    assert files(folder) == {} and not journal.exists()


def test_the_same_again_is_no_change(folder):
    done(folder)
    done(folder, names=(GRID, "a_vs_b/kmeans/loss.png"), finish=False)
    assert folder.is_done(STEP, "1")  # until it is finished, the first one counts
    done(folder)
    assert list(files(folder)) == ["kmeans/grids/a_not_b/concept_01.png"]


def test_a_folder_that_goes_while_a_step_writes_is_no_result(folder):
    with folder.recording(STEP, OUTPUTS) as made:
        write_text(folder.path(GRID), "ours")
    shutil.rmtree(folder.path("a_vs_b"))
    with pytest.raises(RuntimeError, match=r"concept_01.png' was removed or changed while"):
        folder.seal(STEP, "1", made, 1.0)
    assert not folder.is_done(STEP, "1")
    done(folder)
    assert folder.is_done(STEP, "1")


@pytest.mark.parametrize("name", ["config.yaml", "work/notes.txt"])
def test_a_folder_of_somebody_else_is_refused(tmp_path, name):
    check_is_ours(tmp_path / "new")
    (tmp_path / ".gitignore").write_text("*")
    check_is_ours(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=rf"'{tmp_path}' is no run's and has files in it \('{Path(name).parts[0]}'\)"):
        run_folders([], ["x"], tmp_path)
    (tmp_path / ".steps").mkdir()
    assert run_folders([], ["x"], tmp_path) == [tmp_path]
