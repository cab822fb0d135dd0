"""Files and settings that others made, given to the commands: nothing in them is run, and each is one clear line.

Each hostile file would leave a marker if anything in it ran. The readers have tests of their own beside them:
tests/data/download/test_unpacking.py (archives), test_plain_pickle.py, test_bad_images.py.
"""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from made_commands import rdx

from rdx._torchvision import ensure_torchvision
from rdx.console import ExitCode
from rdx.data.download.unpacking import Limits, unpacked
from rdx.errors import InputError
from rdx.models.weights import tensors_only

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("rdx", "baselines", "benchmarks")
N = 20


class Planted:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


@pytest.fixture
def here(in_a_folder, tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for name in "ab":
        np.save(f"{name}.npy", rng.normal(size=(N, 4)).astype(np.float32))
    return tmp_path


@pytest.fixture
def marker(here) -> Path:
    return here / "marker"


def test_the_marker_would_appear(marker):
    pickle.loads(pickle.dumps(Planted(marker))).close()
    assert marker.exists()


def refused(capsys, *arguments: str) -> str:
    """The one line that a command leaves with, as wrong input."""
    code = rdx(*arguments, "--output-dir", "run", "--quiet", "--device", "cpu")
    said = capsys.readouterr().err.strip()
    assert code == ExitCode.WRONG_INPUT and len(said.splitlines()) == 1, said
    assert not Path("run").exists()
    return said


def evil_file(path: Path, marker: Path) -> None:
    """A file that runs code in the hands of a reader that trusts it, in the kind its name says."""
    content = {"features": Planted(marker), "state_dict": Planted(marker)}
    if path.suffix in (".npy", ".npz"):
        array = np.array([[Planted(marker)]], dtype=object)
        with open(path, "wb") as handle:
            (np.save if path.suffix == ".npy" else np.savez)(handle, array, allow_pickle=True)
    elif "old" in path.stem:
        torch.save(content, path, _use_new_zipfile_serialization=False)
    elif "plain" in path.stem:
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)


FEATURES = ["a.pt", "old.pt", "plain.pt", "plain.pkl", "a.npy", "a.npz", "plain.npy", "plain.npz", "plain.csv",
            "plain.parquet", "plain.safetensors", "plain.pth"]  # fmt: skip
WEIGHTS = ["a.pt", "old.pth", "plain.pth", "a.bin", "old.ckpt", "plain.safetensors", "plain.pkl"]


@pytest.mark.parametrize("name", FEATURES)
def test_features_that_are_programs(here, marker, capsys, name):
    (here / "evil").mkdir()
    evil_file(here / "evil" / name, marker)
    said = refused(capsys, "compare", "--a", f"features:evil/{name}", "--b", "features:b.npy")
    assert name in said and not marker.exists()


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("model", ["checkpoint:{}", "timm:test_vit?weights={}", "open_clip:RN50?weights={}"])
def test_weights_that_are_programs(here, marker, name, model):
    from rdx.models import load_model

    evil_file(here / name, marker)
    with pytest.raises(InputError, match=name) as caught:
        load_model(model.format(name))
    assert len(str(caught.value).splitlines()) == 1 and not marker.exists()


@pytest.mark.parametrize("name", ["a.bin", "old.bin"])
def test_a_folder_of_timm_that_is_a_program(here, marker, capsys, name, monkeypatch):
    """Also where the user's environment asks torch to trust all files, and with versions of timm that do."""
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    evil_file(here / name, marker)
    (here / "model").mkdir()
    (here / name).rename(here / "model" / "pytorch_model.bin")
    config = {"architecture": "test_vit", "num_classes": 10, "pretrained_cfg": {"num_classes": 10}}
    (here / "model" / "config.json").write_text(json.dumps(config))
    ensure_torchvision()
    import timm

    from rdx.models import load_model

    with pytest.raises(InputError, match="local-dir:model"):
        load_model("timm:local-dir:model")
    assert not marker.exists()
    real = timm.create_model
    trusting = lambda *_, **__: torch.load("model/pytorch_model.bin", weights_only=False) and real("test_vit")  # noqa: E731
    monkeypatch.setattr(timm, "create_model", trusting)
    with pytest.raises((InputError, pickle.UnpicklingError)):
        load_model("timm:local-dir:model")
    assert not marker.exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"


def test_torch_is_told_for_as_long_as_it_takes_and_no_longer(monkeypatch):
    for name in ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(KeyError), tensors_only():
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
        raise KeyError
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_labels_and_tables_that_are_programs(here, marker, capsys):
    compare = ("compare", "--a", "features:a.npy", "--b", "features:b.npy")
    for name in ("labels.txt", "labels.csv", "labels.pkl"):
        (here / name).write_bytes(pickle.dumps([Planted(marker)] * N))
        assert name in refused(capsys, *compare, "--labels", name)
    for name in ("images.csv", "images.parquet"):
        (here / name).write_bytes(pickle.dumps([Planted(marker)] * N))
        assert name in refused(capsys, "compare", "--a", "timm:test_vit", "--b", "timm:test_vit", "--images", name)
    assert not marker.exists()


TAGS = [
    '!!python/object/apply:builtins.open ["{}", "w"]', '!!python/object/new:os.system ["touch {}"]',
    "!!python/name:os.system", "!!python/module:os", '!!python/object/apply:subprocess.call [["touch", "{}"]]',
]  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_that_is_a_program(here, marker, capsys, tag):
    tag = tag.format(marker)
    Path("evil.yaml").write_text(f"name: {tag}\nrepresentations: {{a: 'features:a.npy', b: 'features:b.npy'}}\n")
    assert "evil.yaml" in refused(capsys, "run", "evil.yaml")
    Path("above.yaml").write_text("base: evil.yaml\n")
    assert "evil.yaml" in refused(capsys, "run", "above.yaml")
    Path("fine.yaml").write_text("representations: {a: 'features:a.npy', b: 'features:b.npy'}\n")
    refused(capsys, "run", "fine.yaml", "--set", f"name={tag}")
    assert rdx("train", "evil.yaml") and not marker.exists()


def test_yaml_that_has_no_end(here, capsys):
    Path("deep.yaml").write_text("[" * 1100)  # deeper than Python recurses
    assert "deep.yaml: not valid YAML" in refused(capsys, "run", "deep.yaml")
    Path("round.yaml").write_text("name: x\nrepresentations: &a {a: *a, b: 'features:b.npy'}\n")
    assert "round.yaml" in refused(capsys, "run", "round.yaml")


SHELL = ["$(touch marker)", "`touch marker`", "; touch marker #", "&& touch marker", "\n touch marker"]


@pytest.mark.parametrize("code", SHELL)
def test_settings_reach_no_shell(here, marker, capsys, code):
    """As title, data set, model, path and folder: shown or refused, never run."""
    os.rename("a.npy", f"a {code.replace('/', '')}.npy")
    values = {
        "name": "small", "statistics": "off", "figures": False, "methods": [{"name": "pca", "method": "pca"}],
        "representations": {"a": {"model": f"features:a {code}.npy", "title": code}, "b": "features:b.npy"},
    }  # fmt: skip
    Path("c.yaml").write_text(yaml.safe_dump(values))
    assert rdx("run", "c.yaml", "--output-dir", f"out {code}", "--device", "cpu") == 0
    assert Path(f"out {code}/summary.csv").is_file()
    for change in (f"name=x{code}", f"data={{dataset: \"{code}\"}}", f"representations.b=timm:{code}",
                   f"data={{dataset: image_folder, root: \"{code}\"}}"):  # fmt: skip
        refused(capsys, "run", "c.yaml", "--set", change)
    assert not marker.exists() and not Path("touch").exists()


# Not from a file: what a process is handed by the one that started it. And the user's own program, named as
# python:FILE.py:FUNCTION, which is asked for as such.
HANDED_OVER = {("reading.py", "pickle.loads(self.work)"), ("python_models.py", "exec(code, own.__dict__)")}


def test_no_reader_in_the_source_trusts_a_file():
    """No pickle, eval or shell; and where a library's default is not to trust, it is said all the same."""
    forbidden = {"eval", "exec", "system", "popen", "read_pickle", "unsafe_load", "full_load", "getoutput"}
    told = {("torch", "load"): "weights_only", ("np", "load"): "allow_pickle"}
    found = []
    for path in [*ROOT.glob("*.py"), *(f for room in ROOMS for f in (ROOT / room).rglob("*.py"))]:
        for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
            owner = getattr(getattr(call.func, "value", None), "id", "")
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            options = {option.arg: ast.unparse(option.value) for option in call.keywords}
            method_of_a_model = name == "eval" and isinstance(call.func, ast.Attribute)
            wrong = (
                (name in forbidden and not method_of_a_model)
                or (owner, name) in {("pickle", "load"), ("pickle", "loads"), ("yaml", "load"), ("joblib", "load")}
                or options.get("shell") == "True"
                or (owner == "subprocess" and call.args and isinstance(call.args[0], (ast.Constant, ast.JoinedStr)))
            )
            option = told.get((owner, name))
            handed = (path.name, ast.unparse(call)) in HANDED_OVER
            if (wrong and not handed) or (option and options.get(option) != str(option == "weights_only")):
                found.append(f"{path.relative_to(ROOT)}:{call.lineno} {ast.unparse(call)[:80]}")
    assert not found


def test_unpacking_leans_on_no_filter_of_newer_pythons(tmp_path, monkeypatch):
    """tarfile's own filters came with patch releases: what is refused must be so without them, on every Python."""
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    (tmp_path / "data").mkdir()
    evil = {
        "up": tarfile.TarInfo("../out"), "absolute": tarfile.TarInfo("/tmp/out"), "device": tarfile.TarInfo("null"),
        "link": tarfile.TarInfo("link"), "hard": tarfile.TarInfo("hard"),
    }  # fmt: skip
    evil["device"].type = tarfile.CHRTYPE
    evil["link"].type, evil["link"].linkname = tarfile.SYMTYPE, "../../etc/passwd"
    evil["hard"].type, evil["hard"].linkname = tarfile.LNKTYPE, "/etc/passwd"
    for kind, member in evil.items():
        with tarfile.open(tmp_path / f"{kind}.tgz", "w:gz") as archive:
            archive.addfile(member)
        with pytest.raises(InputError, match=f"'{kind}.tgz'"), unpacked(tmp_path / f"{kind}.tgz", tmp_path / "data"):
            pytest.fail("was unpacked")
    with tarfile.open(tmp_path / "bomb.tgz", "w:gz") as archive:
        archive.addfile(_sized("bomb", 3 << 20), io.BytesIO(bytes(3 << 20)))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(3 << 20))
    for name in ("bomb.tgz", "bomb.zip"):
        assert (tmp_path / name).stat().st_size < 10_000
        small = Limits(total=1 << 20)
        with pytest.raises(InputError, match=f"'{name}'"), unpacked(tmp_path / name, tmp_path / "data", small):
            pytest.fail("was unpacked")
    assert list((tmp_path / "data").iterdir()) == []


def _sized(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member
