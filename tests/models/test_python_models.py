"""`python:FILE.py:FUNCTION`: the user's own modules, what is made of them, and every way in which they can be wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from made_commands import rdx
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import describe
from rdx.features.extraction import extract
from rdx.models import load_model, model_fingerprint, parse_spec, python_models
from rdx.models.python_models import begin
from rdx.models.spec import with_absolute_paths

NETS = """
import torch
from torch import nn
from parts import WIDTH

def transform(image):
    image = image.convert("L").resize((8, 8))
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(1, 8, 8) / 255

class Net(nn.Module):
    def __init__(self, returns="plain"):
        super().__init__()
        self.returns = returns
        self.conv = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, images):
        maps = self.conv(images).relu()
        logits = self.head(maps.mean(dim=(2, 3)))
        return {"dict": {"logits": logits, "maps": maps}, "tuple": (logits, logits), "none": None}.get(
            self.returns, logits
        )

def net():
    return Net(), transform

def alone():
    return nn.Sequential(nn.Conv2d(3, 5, 3, stride=8), nn.ReLU())

def as_dict():
    return Net("dict"), transform

def as_tuple():
    return Net("tuple"), transform

def nothing():
    return Net("none"), transform

def number():
    return 3

def fails():
    raise ValueError("no such weights: w.pt")

def wrong_transform():
    return Net(), lambda image: 3

def wrong_module():
    return nn.Linear(3, 3), transform

def lazy():
    return nn.LazyLinear(3), transform
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    monkeypatch.setattr("rdx.models.python_models._known", None)  # as no plan before had begun
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "parts.py").write_text("WIDTH = 6\n")
    return tmp_path / "nets.py"


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=2, classes=[0, 1, 2])


def test_features_are_those_of_the_module_called_by_hand(nets, items):
    model = load_model("python:nets.py:net")
    fed = torch.stack([model.transform(items.image(i)) for i in range(len(items))])
    assert fed.shape == (6, 1, 8, 8)
    with torch.inference_mode():
        np.testing.assert_allclose(extract(model, items), model.module(fed), rtol=1e-5)
        maps = model.module.conv(fed).mean(dim=(2, 3))
    np.testing.assert_allclose(extract(model, items, layer="conv"), maps, rtol=1e-5, atol=1e-7)
    assert "parts" not in sys.modules and not any(name.startswith("rdx_own") for name in sys.modules)


def test_a_module_alone_gets_the_preprocessing_that_the_plan_names(nets, items):
    model = load_model("python:nets.py:alone")
    assert "shorter side to 256, middle 224×224, mean 0.485, 0.456, 0.406" in model.preprocessing
    white = model.transform(Image.new("RGB", (300, 400), "white"))[:, 3, 3]
    np.testing.assert_allclose(white, [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-5)
    own = load_model("python:nets.py:alone?size=32&mean=0.5&std=0.25,0.5,1")
    assert own.transform(Image.new("L", (50, 40), 255))[:, 0, 0].tolist() == [2, 1, 0.5]
    described = describe({"model": "python:nets.py:alone?size=32"})
    assert described.preprocessing == own.preprocessing.replace("mean 0.5, std 0.25, 0.5, 1", "") + (
        "mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nett", "did you mean 'net'?"),
        ("", "names no function; write 'python:"),
        ("number", "'number' in '{file}' returns a value of type int: it has to return a torch module"),
        ("fails", "raised ValueError: no such weights: w.pt (line 43 of '{file}')"),
        ("wrong_transform", "the transform of 'python:nets.py:wrong_transform' returns a value of type int"),
        ("wrong_module", "the module of 'python:nets.py:wrong_module' raised RuntimeError"),
        ("lazy", "'weight' has no shape yet"),
        ("net?mean=0.5", "leave 'mean=' out"),
        ("alone?std=0", "std is 'imagenet', a number above 0 or 3 of them (0.5,0.5,0.5), not '0'"),
        ("alone?resize=20&size=30", "resize no less than size"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(nets, name, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        load_model(f"python:nets.py:{name}" if name else "python:nets.py")
    assert said.format(file=nets) in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("as_dict", "is a dict of 'logits' (2, 4), 'maps' (2, 6, 8, 8) of two images; name a layer"),
        ("as_tuple", "is a tuple of (2, 4), (2, 4) of two images"),
        ("nothing", "is a value of type NoneType of two images"),
    ],
)
def test_what_a_module_returns_that_is_no_array(nets, items, name, said):
    with pytest.raises(InputError) as error:
        describe({"model": f"python:nets.py:{name}"})
    assert said in str(error.value) and str(error.value).endswith("'?layer=…': conv, head")
    assert describe({"model": f"python:nets.py:{name}?layer=head"}).width == 4


def test_a_file_that_cannot_be_carried_out(nets):
    nets.write_text("import torch\nx = (\n")
    with pytest.raises(InputError, match=r"raised SyntaxError: .* \(line 2 of '.*nets.py'\)"):
        load_model("python:nets.py:net")
    nets.write_text("import torch\nimport not_there\n")
    with pytest.raises(InputError, match=r"ModuleNotFoundError: No module named 'not_there' \(line 2 of"):
        load_model("python:nets.py:net")
    with pytest.raises(InputError, match="no file .*other.py"):
        load_model("python:other.py:net")


def test_the_fingerprint_follows_the_code_and_the_weights(nets):
    spec = "python:nets.py:net"
    first = model_fingerprint(spec)
    assert model_fingerprint(spec) == first == model_fingerprint(spec + "?layer=conv&pool=mean")
    others = [model_fingerprint("python:nets.py:as_dict"), model_fingerprint("python:nets.py:alone")]
    others.append(model_fingerprint("python:nets.py:alone?size=32"))
    nets.write_text(NETS.replace("/ 255", "/ 256"))
    others.append(model_fingerprint(spec))
    nets.write_text(NETS)
    (nets.parent / "parts.py").write_text("WIDTH = 7\n")
    others.append(model_fingerprint(spec))
    (nets.parent / "parts.py").write_text("WIDTH = 6\n")
    nets.write_text(NETS.replace("return Net(), transform", "torch.manual_seed(5); return Net(), transform", 1))
    others.append(model_fingerprint(spec))
    assert len({first, *others}) == len(others) + 1
    (nets.parent / "moved").mkdir()
    nets.write_text(NETS)
    for name in ("nets.py", "parts.py"):
        (nets.parent / name).rename(nets.parent / "moved" / name)
    assert model_fingerprint("python:moved/nets.py:net") == first


def test_what_a_function_returned_stays_until_the_next_plan_begins(nets, monkeypatch):
    nets.write_text(
        "import torch\ndef net():\n    net = torch.nn.Conv2d(3, 2, 3)\n"
        "    net.bias.data.fill_(float(open('w').read()))\n    return net\n"
    )
    found = []
    for value, begins in (("1", False), ("2", True), ("3", False), ("4", True)):
        (nets.parent / "w").write_text(value)
        if begins:
            begin()
        found.append(model_fingerprint("python:nets.py:net"))
    monkeypatch.setattr(python_models, "_known", None)
    assert found[1] == found[2] and len(set(found)) == 3


def test_modules_of_one_name_beside_two_files_are_two(nets, monkeypatch):
    other = nets.parent / "other"
    other.mkdir()
    (other / "nets.py").write_text(NETS)
    (other / "parts.py").write_text("WIDTH = 9\n")
    monkeypatch.setitem(sys.modules, "parts", type(sys)("parts"))
    sys.modules["parts"].__file__ = "/elsewhere/parts.py"
    widths = [load_model(f"python:{file}:net").module.conv.out_channels for file in (nets, other / "nets.py", nets)]
    assert widths == [6, 9, 6] and sys.modules["parts"].__file__ == "/elsewhere/parts.py"


def test_names_and_paths(nets):
    spec = parse_spec("python:nets.py:net?layer=conv")
    assert (spec.path, spec.title, spec.files) == ("nets.py", "net", ["nets.py"])
    assert with_absolute_paths(spec).name == f"{nets}:net"
    assert with_absolute_paths(spec).without_folders() == "python:nets.py:net"


def test_tokens_before_the_patches(nets):
    nets.write_text(
        "import timm, torch\ndef vit():\n    return timm.create_model('test_vit'), lambda _: torch.zeros(3, 160, 160)"
    )
    model = load_model("python:nets.py:vit")
    assert (model.prefix_tokens, model.class_token, model.first_block) == (1, True, "blocks.0")
    assert describe({"model": "python:nets.py:vit?layer=blocks.3&pool=cls"}).width == 64


def test_one_is_compared_with_a_model_of_torchvision(nets, items, monkeypatch, capsys):
    monkeypatch.setenv("RDX_CACHE", str(nets.parent / "cache"))
    for label in range(3):
        folder = nets.parent / "images" / str(label)
        folder.mkdir(parents=True)
        for position in range(6):
            items.image((label * 2 + position) % 6).save(folder / f"{position}.png")
    specs = ["--a", "python:nets.py:alone?size=32", "--b", "torchvision:squeezenet1_1?pretrained=false"]
    command = ["compare", *specs, "--images", "images", "--n-clusters", "2", "--statistics", "off", "--output-dir", "o"]
    assert rdx(*command, "--dry-run") == 0
    assert "images: RGB, shorter side to 32, middle 32×32, mean 0.485" in capsys.readouterr().out
    assert rdx("compare", "--a", "python:nets.py:fails", *command[3:]) == 2
    assert "no such weights: w.pt (line 43" in capsys.readouterr().err
    assert rdx(*command, "--set", "figures=false") == 0
    assert (nets.parent / "o/a_vs_b/rdx/concepts.csv").is_file()
