"""What two models are called side by side."""

from __future__ import annotations

import pytest

from rdx.models.spec import parse_spec
from rdx.models.titles import side_by_side


@pytest.mark.parametrize(
    ("a", "b", "titles"),
    [
        ("timm:resnet18", "timm:resnet50", ("resnet18", "resnet50")),
        ("features:dino/embeddings.npy", "features:clip/embeddings.npy", ("dino", "clip")),
        ("features:dino/x.npy", "features:clip/x.npy", ("dino/x", "clip/x")),
        ("features:/1/dino/x.npy", "features:/2/dino/x.npy", ("1/dino/x", "2/dino/x")),
        ("features:x.npy", "features:dino/x.npy", ("x", "dino/x")),
        ("features:x.npy", "features:x.csv", ("x.npy", "x.csv")),
        ("timm:resnet50?layer=layer3", "timm:resnet50?layer=layer4", ("resnet50 layer3", "resnet50 layer4")),
        ("timm:resnet50?layer=layer3", "timm:resnet50", ("resnet50 layer3", "resnet50")),
        ("timm:resnet50?pretrained=false&layer=l", "timm:resnet50?layer=l", ("resnet50 pretrained=false", "resnet50")),
        ("timm:resnet50?weights=x/w.pt", "timm:resnet50?weights=y/w.pt",
         ("resnet50 weights=x/w.pt", "resnet50 weights=y/w.pt")),
        ("timm:resnet50?weights=x/1.pt", "timm:resnet50?weights=y/2.pt",
         ("resnet50 weights=1.pt", "resnet50 weights=2.pt")),
        ("timm:RN50", "open_clip:RN50", ("timm:RN50", "open_clip:RN50")),
        ("timm:vgg16", "timm:vgg16", ("vgg16", "vgg16")),
    ],
)  # fmt: skip
def test_titles_are_different_wherever_the_models_are(a, b, titles):
    assert side_by_side(parse_spec(a), parse_spec(b)) == titles
