"""The text tower against open_clip's own whole models, and every model and text that it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from made_clip import TEXT, WIDTH, make_clip
from safetensors.torch import load_file, save_file

from rdx.errors import InputError
from rdx.models.text_tower import check_texts, load_text_tower, text_spec, words_fingerprint

TEXTS = ("a photo of a cat", "a photo of a Dog", "two birds, one branch", "3")
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("clip")


@pytest.fixture(scope="module")
def clip(place):
    return make_clip(place / "plain", seed=1)


def spec_of(folder, options=""):
    return text_spec(f"open_clip:local-dir:{folder}{options}")


def expected(model, texts=TEXTS):
    """open_clip's own vectors of the texts."""
    from open_clip import SimpleTokenizer

    with torch.no_grad():
        return model.encode_text(SimpleTokenizer(context_length=TEXT["context_length"])(list(texts)), normalize=True)


def test_vectors_are_those_of_the_whole_model(clip, place):
    found = load_text_tower(spec_of(place / "plain")).embed(TEXTS)
    assert found.shape == (len(TEXTS), WIDTH) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected(clip), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("text", [{}, {"embed_cls": True, "output_tokens": True}, {"proj_bias": True}])
def test_models_that_keep_the_text_tower_behind_a_prefix(place, text):
    """As most newer models; the second as CoCa has it."""
    folder = place / f"custom{len(text)}{'proj_bias' in text}"
    model = make_clip(folder, custom=True, seed=2, **text)
    with torch.no_grad():
        from open_clip import SimpleTokenizer

        theirs = model.text(SimpleTokenizer(context_length=TEXT["context_length"])(list(TEXTS)))
    theirs = torch.nn.functional.normalize(theirs[0] if isinstance(theirs, tuple) else theirs, dim=-1)
    np.testing.assert_allclose(load_text_tower(spec_of(folder)).embed(TEXTS), theirs, atol=1e-6)


def test_long_lists_go_in_batches(place, clip, monkeypatch):
    tower = load_text_tower(spec_of(place / "plain"))
    whole = tower.embed(TEXTS)
    monkeypatch.setattr("rdx.models.text_tower._BATCH", 3)
    np.testing.assert_allclose(tower.embed(TEXTS), whole, atol=1e-6)


def test_a_built_in_model_with_random_weights():
    """The tokenizer is the one that open_clip itself takes for that name."""
    import open_clip

    tower = load_text_tower(text_spec("open_clip:ViT-S-32-alt?pretrained=false&seed=3"))
    assert torch.equal(tower.tokenizer(list(TEXTS)), open_clip.get_tokenizer("ViT-S-32-alt")(list(TEXTS)))
    assert tower.embed(TEXTS[:1]).shape == (1, open_clip.get_model_config("ViT-S-32-alt")["embed_dim"])


def test_a_seed_gives_the_same_vectors_again(place, clip):
    exact, again, other = (
        load_text_tower(spec_of(place / "plain", f"?pretrained=false&seed={seed}")).embed(TEXTS) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(again, exact)
    assert not np.allclose(other, exact)


def test_weights_from_elsewhere(place, clip):
    make_clip(place / "bare", weights=False)
    theirs = place / "plain" / WEIGHTS
    found = load_text_tower(spec_of(place / "bare", f"?weights={theirs}")).embed(TEXTS)
    np.testing.assert_allclose(found, expected(clip), atol=1e-6)


def test_fingerprint(place, clip):
    spec = spec_of(place / "plain")
    first = words_fingerprint(spec, TEXTS)
    assert first == words_fingerprint(spec, list(TEXTS))
    assert first != words_fingerprint(spec, TEXTS[::-1])
    assert first != words_fingerprint(spec_of(place / "plain", "?pretrained=false"), TEXTS)


def refused(call, *said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        call()
    for part in said:
        assert part in str(error.value), str(error.value)


def test_models_that_are_none_of_image_and_text():
    refused(lambda: text_spec("timm:resnet18"), "'timm:resnet18' has no text tower", "open_clip:")
    refused(lambda: text_spec("features:a.npy"), "no text tower")
    refused(lambda: text_spec("open_clip:ViT-B-32/openai?layer=ln_post"), "leave 'layer' out")
    refused(lambda: text_spec("open_clipp:ViT-B-32"), "open_clip")


@pytest.mark.parametrize("name", ["roberta-ViT-B-32", "ViT-B-16-SigLIP", "ViT-H-14-CLIPA"])
def test_models_that_need_another_package(name):
    spec = text_spec(f"open_clip:{name}?pretrained=false")
    for call in (lambda: check_texts(spec, TEXTS), lambda: load_text_tower(spec)):
        refused(call, f"open_clip:{name} reads texts with the package 'transformers'")


def test_wrong_names():
    refused(lambda: check_texts(text_spec("open_clip:ViT-B-33?pretrained=false"), TEXTS), "'ViT-B-33'", "ViT-B-32")
    refused(lambda: check_texts(text_spec("open_clip:ViT-B-32/opena"), TEXTS), "'opena'", "did you mean 'openai'")


def test_texts_that_would_be_cut_off(place, clip):
    fits, longer = " ".join(["cat"] * 14), " ".join(["cat"] * 15)
    check_texts(spec_of(place / "plain"), [fits])
    refused(lambda: check_texts(spec_of(place / "plain"), [fits, longer]), "too long: it is 17 tokens", "reads 16")


def test_weights_that_do_not_fit(place, clip):
    tensors = load_file(place / "plain" / WEIGHTS)
    for name, kept, said in (
        ("image", lambda key: key.startswith("visual."), "hold no text tower"),
        ("part", lambda key: key != "ln_final.bias", "tensor 'ln_final.bias' is missing"),
        ("more", lambda key: True, "tensor 'transformer.extra' does not belong there"),
    ):
        path = place / f"{name}.safetensors"
        chosen = {key: value for key, value in tensors.items() if kept(key)}
        save_file(chosen | ({"transformer.extra": torch.zeros(2)} if name == "more" else {}), path)
        refused(lambda path=path: load_text_tower(spec_of(place / "plain", f"?weights={path}")), str(path), said)


def test_configurations_that_cannot_be_built(place):
    path = place / "odd"
    make_clip(path, weights=False, vocab_size=100)
    refused(lambda: check_texts(spec_of(path), TEXTS), "knows 100 tokens")
    make_clip(path, weights=False, colour="red")
    refused(lambda: check_texts(spec_of(path), TEXTS), "unknown kind", "colour")
    config = json.loads((path / "open_clip_config.json").read_text(encoding="utf-8"))
    del config["model_cfg"]["text_cfg"]
    (path / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    refused(lambda: check_texts(spec_of(path), TEXTS), "has no text tower")
