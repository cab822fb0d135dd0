"""`torchvision:NAME[/WEIGHTS]`: names, transforms, weights of one's own and published ones; nothing is downloaded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from rdx._torchvision import import_torchvision
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import describe
from rdx.features.extraction import extract
from rdx.models import load_model, model_fingerprint, needs_download

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
NAME = "shufflenet_v2_x0_5"  # of 1.4 M parameters


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    return import_torchvision().models.get_model(NAME, weights=None).eval()


def test_features_are_those_of_the_module_called_by_hand(module, tmp_path):
    torch.save({"state_dict": module.state_dict()}, tmp_path / "w.pt")
    model = load_model(f"torchvision:{NAME}?weights={tmp_path}/w.pt")
    weights = import_torchvision().models.get_model_weights(NAME).DEFAULT
    assert torch.equal(model.transform(IMAGE), weights.transforms()(IMAGE)) and str(weights) in model.description
    items = load_items("digits", images_per_class=2, classes=[0, 1, 2])
    fed = torch.stack([weights.transforms()(items.image(i).convert("RGB")) for i in range(6)])
    with torch.inference_mode():
        maps = fed
        for one in (module.conv1, module.maxpool, module.stage2, module.stage3, module.stage4, module.conv5):
            maps = one(maps)
        pooled = maps.mean((2, 3))
        np.testing.assert_allclose(extract(model, items), pooled, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(extract(model, items, layer="output"), module(fed), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "layer", "width", "tokens"),
    [
        ("resnet18", "fc:input", 512, 0),
        ("vit_b_16/IMAGENET1K_SWAG_E2E_V1", "heads.head:input", 768, 1),
        ("squeezenet1_0", "output", 1000, 0),
        ("inception_v3", "fc:input", 2048, 0),
    ],
)
def test_what_is_taken_without_a_layer(name, layer, width, tokens):
    model = load_model(f"torchvision:{name}?pretrained=false", weights=False)
    assert (model.default_layer, model.prefix_tokens) == (layer, tokens)
    described = describe({"model": f"torchvision:{name}?pretrained=false"})
    assert described.width == width and described.download == 0
    assert described.image_size == {"vit": (384, 384), "inc": (299, 299)}.get(name[:3], (224, 224))


def test_published_weights_are_tensors_alone(module, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    url = import_torchvision().models.get_model_weights(NAME).DEFAULT.url
    place = tmp_path / "checkpoints" / url.rpartition("/")[2]
    place.parent.mkdir()
    assert needs_download(f"torchvision:{NAME}") and not needs_download(f"torchvision:{NAME}?pretrained=false")
    torch.save(module.state_dict(), place)
    assert not needs_download(f"torchvision:{NAME}")
    loaded = load_model(f"torchvision:{NAME}").module
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in loaded.state_dict().items())
    torch.save({"planted": Planted()}, place)
    with pytest.raises(InputError, match="^[^\n]*$"):
        load_model(f"torchvision:{NAME}")


class Planted:
    def __reduce__(self):
        return (exit, ("executed",))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("resnet51", "did you mean 'resnet50'"),
        ("fcn_resnet50", "unknown torchvision model"),
        ("resnet50/IMAGENET1K_V3", "did you mean 'IMAGENET1K_V"),
        ("vit_b_16?weights={}/w.pt", "say whose yours go by with 'torchvision:vit_b_16/IMAGENET1K_V1?weights=…'"),
        (NAME + "?weights={}/w.pt", "has shape (7, 1024), expected (1000, 1024); for its 7 outputs add 'num_c"),
        (NAME + "?num_classes=7", "num_classes is for weights of your own"),
        (NAME + "?weights={}/none.pt", "no file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(spec, said, tmp_path):
    state = import_torchvision().models.get_model(NAME, weights=None, num_classes=7).state_dict()
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        load_model("torchvision:" + spec.format(tmp_path))
    assert said in str(error.value)
    if said.startswith("has shape"):
        assert load_model(f"torchvision:{NAME}?weights={tmp_path}/w.pt&num_classes=7").module.fc.out_features == 7


def test_fingerprints():
    specs = ("resnet18", "resnet34", "resnet50/IMAGENET1K_V1", "resnet50/IMAGENET1K_V2", "resnet18?pretrained=false")
    assert len({model_fingerprint(f"torchvision:{spec}") for spec in specs}) == 5
    assert model_fingerprint("torchvision:resnet18") == model_fingerprint("torchvision:resnet18?layer=layer1")
