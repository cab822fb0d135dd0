"""Too little GPU memory, and half precision: what of both can be told without a GPU, and with one the rest."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import load_representation, representation_fingerprint
from rdx.features.capture import looking
from rdx.features.extraction import _kernels, extract, extract_layers
from rdx.models import load_model

MODEL = "timm:test_vit?pretrained=false&img_size=32"


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=1)  # ten


@pytest.fixture
def small_memory(monkeypatch):
    """A model whose forward pass runs out of memory above `limit` images; the sizes it was given are kept."""
    model, sizes = load_model(MODEL), []
    plain = type(model.module).forward

    def limited(limit):
        def forward(module, images):
            if module is not model.module:  # a copy, with which layers are tried
                return plain(module, images)
            sizes.append(len(images))
            if len(images) > limit:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return plain(module, images)

        monkeypatch.setattr(type(model.module), "forward", forward)
        return model, sizes

    return limited


def test_batches_are_halved_and_the_pass_goes_on(small_memory, items, caplog):
    choices = [("blocks.2", "cls"), ("output", None)]
    expected = extract_layers(load_model(MODEL), items, choices, batch_size=8)
    model, sizes = small_memory(3)
    with caplog.at_level(logging.WARNING):
        found = extract_layers(model, items, choices, batch_size=8)
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    assert caplog.messages == ["out of GPU memory with 8 images at a time: going on with 2"]
    for choice in choices:
        np.testing.assert_allclose(found[choice], expected[choice], rtol=1e-4, atol=1e-5)
        alike = extract_layers(load_model(MODEL), items, [choice], batch_size=2)[choice]
        np.testing.assert_array_equal(found[choice], alike)


def test_a_size_that_cannot_be_halved_evenly(small_memory, items):
    model, sizes = small_memory(2)
    found = extract(model, items, batch_size=7)
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(found, extract(load_model(MODEL), items), rtol=1e-4, atol=1e-5)


def test_no_memory_for_one_image(small_memory, items):
    model, sizes = small_memory(0)
    with pytest.raises(InputError, match="^out of GPU memory with one image at a time; [^\n]*--device cpu[^\n]*$"):
        extract(model, items, batch_size=4)
    assert sizes == [4, 2, 1]
    assert not any(module._forward_hooks for module in model.module.modules())


def test_a_model_too_large_for_the_gpu(monkeypatch):
    def refuse(*arguments, **named):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(torch.nn.Module, "to", refuse)
    with pytest.raises(InputError, match="^model 'timm:test_vit[^\n]*does not fit the memory of cuda[^\n]*$"):
        load_model(MODEL, "cuda")


def test_half_precision_is_another_representation(items):
    plain = {"model": MODEL}
    made = {precision: representation_fingerprint({**plain, "precision": precision}, items)
            for precision in ("float32", "float16", "bfloat16")}  # fmt: skip
    assert made["float32"] == representation_fingerprint(plain, items) and len(set(made.values())) == 3


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_needs_a_gpu(items, tmp_path, precision):
    said = f"^precision '{precision}' needs a GPU, and this run computes on 'cpu'; take float32$"
    with pytest.raises(InputError, match=said):
        load_representation({"model": MODEL, "precision": precision}, items, cache_dir=tmp_path)
    assert not list(tmp_path.iterdir())


@torch.inference_mode()
def test_half_precision_computes_in_half_and_keeps_float32(items):
    """The same code path, on the one kind of half precision that a CPU has as well."""
    model = load_model(MODEL)
    images = torch.stack([model.transform(items.image(i)) for i in range(4)])
    found = {}
    for precision in ("float32", "bfloat16"):
        with _kernels("cpu", precision), looking(model, [("blocks.5", "cls"), ("blocks.5.mlp", "mean")]) as look:
            found[precision] = look(images)
    for choice, exact in found["float32"].items():
        half = found["bfloat16"][choice]
        assert half.dtype == exact.dtype == torch.float32
        assert not torch.equal(half, exact)
        torch.testing.assert_close(half, exact, rtol=0.05, atol=0.05)


def test_values_beyond_float16_are_named(items, monkeypatch):
    model = load_model(MODEL)
    monkeypatch.setattr("rdx.features.extraction.check_precision", lambda *_: None)
    plain = model.module.forward
    monkeypatch.setattr(model.module, "forward", lambda images: plain(images) * torch.inf)
    with pytest.raises(InputError, match="leaves float16's range at layer 'output'; take 'precision: bfloat16'"):
        extract(model, items, layer="output", precision="float16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_gpu_agrees_with_the_cpu(items, precision):
    exact = extract(load_model(MODEL), items)
    found = extract(load_model(MODEL, "cuda"), items, device="cuda", precision=precision)
    limit = 1e-4 if precision == "float32" else 0.05
    np.testing.assert_allclose(found, exact, rtol=limit, atol=limit)
