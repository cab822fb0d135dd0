"""The paper's checkpoints: a made archive of Lightning files, read once, converted, and fed as they were trained."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from made_server import serving

from rdx.data.download import command as download
from rdx.data.download import transfer
from rdx.models.checkpoints import read_checkpoint, read_header
from rdx.models.convnet import ConvNet, GreyTransform
from rdx.models.paper_checkpoints import MODELS, PROJECTIONS

PAPER = Path("checkpoints/paper")
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfer, "PAUSE", 0.001)


def convnet(seed: int, channels: tuple[int, int] = (32, 64), n_outputs: int = 10) -> ConvNet:
    torch.manual_seed(seed)
    module = ConvNet(channels, n_outputs)
    for block in (module.layer1, module.layer2):  # running statistics as after a training on pixels 0–255
        block[1].running_mean.uniform_(-50, 50)
        block[1].running_var.uniform_(1, 5000)
    return module.eval()


def lightning(module: ConvNet, step: int | None = None, **more: object) -> bytes:
    """A training checkpoint as Lightning writes them."""
    content = {"epoch": 4, "state_dict": {f"model.{name}": value for name, value in module.state_dict().items()}}
    content |= {"pytorch-lightning_version": "2.1.0", "hyper_parameters": {"lr": 0.01}, **more}
    if step is not None:
        content["global_step"] = step
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


class Hostile:
    """Unpickled in the ordinary way, this makes a file."""

    def __reduce__(self):
        return os.mkdir, ("was_run",)


def hostile() -> bytes:
    buffer = io.BytesIO()
    torch.save({"state_dict": Hostile()}, buffer)
    return buffer.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def modules() -> dict[str, ConvNet]:
    return {
        name: convnet(seed, (8, 8) if name == "mnist_835" else (32, 64), 30 if name.endswith("_nl") else 10)
        for seed, name in enumerate(MODELS)
    }


@pytest.fixture
def files(modules) -> dict[str, bytes]:
    projections = io.BytesIO()
    np.save(projections, np.zeros((4, 112)))
    made = {f"{name}/epoch=4-step=680.ckpt": lightning(module, 680) for name, module in modules.items()}
    made["mnist_835/epoch=1-step=184.ckpt"] = lightning(convnet(99, (8, 8)), 184)
    return made | {str(PROJECTIONS): projections.getvalue(), "__MACOSX/._x": b"", "notes.txt": b"notes"}


@pytest.fixture
def server(files):
    with serving({"checkpoints.zip": packed({f"checkpoints/{name}": data for name, data in files.items()})}) as state:
        yield state


def fetch(server, *options: str) -> int:
    return download.main(["checkpoints", "--base-url", server.address, *options])


def refused(server, capsys, *options: str) -> str:
    capsys.readouterr()
    assert fetch(server, *options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def by_hand(module: ConvNet) -> np.ndarray:
    """What the model makes of the images when it is fed as the paper fed it: pixels 0–255, minus 0.5, over 0.5."""
    with torch.no_grad():
        return module.layer2(module.layer1((torch.from_numpy(PIXELS[:, None].astype(np.float32)) - 0.5) / 0.5)).numpy()


def test_every_model_is_converted_and_fed_the_same(server, modules, capsys):
    assert fetch(server) == 0
    said = capsys.readouterr().out
    assert "use one as checkpoint:checkpoints/paper/mnist_835/last.safetensors" in said and str(PROJECTIONS) in said
    for name, original in modules.items():
        module, header = read_checkpoint(PAPER / name / "last.safetensors")
        transform = GreyTransform(header.mean, header.std, header.size)
        with torch.no_grad():
            found = module.layer2(module.layer1(transform.normalise(PIXELS[:, None]))).numpy()
        np.testing.assert_allclose(found, by_hand(original), rtol=2e-4, atol=2e-4)
        assert header.n_outputs == (30 if name.endswith("_nl") else 10)
        assert header.step == 680 and "checkpoints.zip" in header.training["source"]


def test_as_a_model_of_a_comparison(server, modules):
    """The same through what a configuration names."""
    from PIL import Image

    from rdx.models import load_model

    assert fetch(server) == 0
    model = load_model("checkpoint:checkpoints/paper/mnist_expert/last.safetensors")
    images = torch.stack([model.transform(Image.fromarray(image)) for image in PIXELS])
    with torch.no_grad():
        found = model.module.layer2(model.module.layer1(images)).numpy()
    np.testing.assert_allclose(found, by_hand(modules["mnist_expert"]), rtol=2e-4, atol=2e-4)


def test_what_lies_where(server):
    assert fetch(server) == 0
    assert sorted(path.name for path in (PAPER / "mnist_835").iterdir()) == [
        "last.safetensors", "step_000184.safetensors",
    ]  # fmt: skip
    assert read_header(PAPER / "mnist_835/step_000184.safetensors").step == 184
    assert np.load(Path("checkpoints") / PROJECTIONS).shape == (4, 112)
    assert sorted(path.name for path in Path("checkpoints").iterdir()) == [".downloads", "paper", "post-hoc-cbm"]
    assert sorted(path.name for path in PAPER.iterdir()) == sorted([*MODELS, "contents.json"])


def test_a_second_call_does_nothing(server, capsys):
    assert "run `bash download_checkpoints.sh`" in refused(server, capsys, "--check")
    assert server.asked == []
    assert fetch(server) == fetch(server) == fetch(server, "--check") == 0
    assert len(server.asked) == 1
    (PAPER / "mnist_m35/last.safetensors").unlink()
    assert "'checkpoints/paper/mnist_m35/last.safetensors' is missing" in refused(server, capsys, "--check")


def test_trained_models_are_left_alone(server, capsys):
    own = Path("checkpoints/mnist_expert/last.safetensors")
    own.parent.mkdir(parents=True)
    own.write_bytes(b"trained here")
    Path("checkpoints/post-hoc-cbm").mkdir()
    assert fetch(server) == 0
    assert own.read_bytes() == b"trained here" and not (Path("checkpoints") / PROJECTIONS).exists()
    assert "checkpoints/post-hoc-cbm exists and stays as it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (hostile(), "weights-only loader"),
        (b"no checkpoint", "weights-only loader"),
        (lightning(convnet(0))[:-5000], "weights-only loader"),
    ],
)
def test_a_file_that_is_refused_keeps_only_itself_away(server, files, capsys, tmp_path, bad, reason):
    files["mnist_m49/epoch=4-step=680.ckpt"] = bad
    server.files["checkpoints.zip"] = packed(files)
    for _ in range(2):
        said = refused(server, capsys)
        assert "not taken from checkpoints.zip: 'mnist_m49/epoch=4-step=680.ckpt' can't be read" in said
        assert reason in said and str(tmp_path) not in said and "weights_only" not in said
    assert not Path("was_run").exists() and not (PAPER / "mnist_m49").exists()
    assert read_checkpoint(PAPER / "mnist_expert/last.safetensors")[1].step == 680
    assert len(server.asked) == 1


def test_a_net_of_another_kind_is_refused(server, files, capsys):
    buffer = io.BytesIO()
    torch.save({"state_dict": {"model.conv.weight": torch.zeros(2, 2)}}, buffer)
    files["mnist_m35/epoch=4-step=680.ckpt"] = buffer.getvalue()
    server.files["checkpoints.zip"] = packed(files)
    assert "is no small convnet: tensor 'layer1.0.weight' is missing" in refused(server, capsys)


def test_the_last_of_several_without_steps(server, files, capsys):
    """Files without steps keep their names; `last` is last."""
    plain = {name: data for name, data in files.items() if not name.startswith("mnist_835")}
    plain |= {f"mnist_835/{stem}.pt": lightning(convnet(seed, (8, 8))) for seed, stem in enumerate("xylast")}
    plain |= {"mnist_835/last.ckpt": lightning(convnet(50, (8, 8)))}
    server.files["checkpoints.zip"] = packed(plain)
    assert fetch(server) == 0
    found, _ = read_checkpoint(PAPER / "mnist_835/last.safetensors")
    torch.testing.assert_close(found.fc.weight, convnet(50, (8, 8)).fc.weight)
    assert (PAPER / "mnist_835/x.safetensors").is_file() and len(list((PAPER / "mnist_835").iterdir())) == 7


def test_last_beside_the_same_step(server, files):
    last = convnet(50)
    files["mnist_expert/last.ckpt"] = lightning(last, 680)
    server.files["checkpoints.zip"] = packed(files)
    assert fetch(server) == 0
    found, _ = read_checkpoint(PAPER / "mnist_expert/last.safetensors")
    torch.testing.assert_close(found.fc.weight, last.fc.weight)
    assert (PAPER / "mnist_expert/step_000680.safetensors").is_file()


def test_an_archive_with_some_of_the_models(server, files, capsys):
    server.files["checkpoints.zip"] = packed({k: v for k, v in files.items() if k.startswith("mnist_expert")})
    assert fetch(server) == 0
    assert "not in checkpoints.zip: mnist_835, mnist_m35" in capsys.readouterr().out
    assert json.loads((PAPER / "contents.json").read_text())["models"] == {"mnist_expert": ["last.safetensors"]}


def test_an_archive_with_something_else(server, capsys):
    server.files["checkpoints.zip"] = packed({"readme.txt": b"moved"})
    assert "has none of the models mnist_835" in refused(server, capsys)
    assert not PAPER.exists()
