"""Features in chunks: the same bytes however often a pass is broken off."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rdx.data import load_items
from rdx.features import chunked, load_representation
from rdx.features.extraction import extract_layers
from rdx.features.request import made_of, parse_request
from rdx.files import fingerprint
from rdx.models import load_model

ROOT = Path(__file__).resolve().parents[2]
MODEL = "timm:test_vit?pretrained=false&img_size=32"
LARGER = "timm:test_resnet?pretrained=false"  # 160 × 160 pixels
BATCH = 3


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=20)  # 200: five chunks of 16 batches of 3, the last shorter


@pytest.fixture(scope="module")
def expected(items):
    choices = [(None, None), ("blocks.2", "mean")]
    return extract_layers(load_model(MODEL), items, choices, batch_size=BATCH)


@pytest.fixture
def settings():
    return {"model": MODEL, "batch_size": BATCH}


@pytest.fixture
def computed(monkeypatch):
    """How many images each pass really looked at; `computed.limit` breaks a pass off after so many batches."""

    class Counted(list):
        limit = None

    counted, stream = Counted(), chunked.stream

    def counting(model, items, choices, spans, **how):
        counted.append(0)
        for number, vectors in enumerate(stream(model, items, choices, spans, **how)):
            if number == counted.limit:
                raise KeyboardInterrupt
            counted[-1] += len(spans[number])
            yield vectors

    monkeypatch.setattr(chunked, "stream", counting)
    return counted


def compute_chunks(settings, items, place):
    """All chunks of a representation, which is not put together yet; as after a break-off just before the end."""
    request = parse_request(settings)
    key = fingerprint(made_of(request, items))
    model = load_model(settings["model"])
    layout = chunked.layout_of(model, items, request.batch_size, "cpu")
    chunked.Pass(model, items, {request.choice: key}, layout, place).compute(
        device="cpu", precision="float32", progress=False
    )


def chunk_files(place):
    # No deeper: temporary folders come and go while it looks.
    return sorted(path.name for path in place.glob("features/*.chunks/*/0*-of-*.safetensors"))


def test_what_was_broken_off_goes_on(settings, items, expected, tmp_path, computed):
    computed.limit = 2 * 16 + 5
    with pytest.raises(KeyboardInterrupt):
        load_representation(settings, items, cache_dir=tmp_path)
    assert chunk_files(tmp_path) == ["00001-of-00005.safetensors", "00002-of-00005.safetensors"]
    computed.limit = None
    found = load_representation(settings, items, cache_dir=tmp_path)
    assert computed[1] == len(items) - 2 * 16 * BATCH
    assert found.images_per_second > 0
    np.testing.assert_array_equal(found.values, expected[None, None])


def test_a_damaged_chunk_is_computed_again(settings, items, expected, tmp_path, computed, caplog):
    compute_chunks(settings, items, tmp_path)
    path = next(tmp_path.rglob("00002-of-*"))
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    with caplog.at_level(logging.WARNING):
        found = load_representation(settings, items, cache_dir=tmp_path)
    assert computed[1] == 16 * BATCH and "is damaged" in caplog.text
    np.testing.assert_array_equal(found.values, expected[None, None])


def test_what_a_run_left_that_was_stopped_while_tidying_goes(settings, items, expected, tmp_path, computed):
    key = load_representation(settings, items, cache_dir=tmp_path).fingerprint
    compute_chunks(settings, items, tmp_path)
    (tmp_path / f"features/.{key}.lock").touch()
    assert chunk_files(tmp_path)
    found = load_representation(settings, items, cache_dir=tmp_path)
    assert found.from_cache and [path.name for path in (tmp_path / "features").iterdir()] == [f"{key}.safetensors"]
    np.testing.assert_array_equal(found.values, expected[None, None])


def test_two_runs_at_once(settings, items, expected, tmp_path, monkeypatch):
    """Another run that is faster stores the features, and discards the chunks of both."""
    stream = chunked.stream

    def overtaken(*arguments, **how):
        for number, vectors in enumerate(stream(*arguments, **how)):
            if number == 40:
                monkeypatch.setattr(chunked, "stream", stream)
                load_representation(settings, items, cache_dir=tmp_path)
            yield vectors

    monkeypatch.setattr(chunked, "stream", overtaken)
    found = load_representation(settings, items, cache_dir=tmp_path)
    np.testing.assert_array_equal(found.values, expected[None, None])
    assert not chunk_files(tmp_path / "features" / f"{found.fingerprint}.chunks")


def test_other_machines_chunks_need_no_model_here(settings, items, expected, tmp_path, monkeypatch):
    """Chunks computed on a GPU are put together where there is none, though batches would be others here."""
    compute_chunks(settings, items, tmp_path)
    folder = next(tmp_path.rglob("cpu-3x16"))
    layout = chunked.Layout("cuda", BATCH, 16)
    key = folder.parent.name.removesuffix(".chunks")
    elsewhere = layout.chunks(key, len(items), tmp_path)
    for number in range(5):
        elsewhere.write(number, chunked.Layout("cpu", BATCH, 16).chunks(key, len(items), tmp_path).read(number))
    for path in folder.iterdir():
        path.unlink()
    monkeypatch.setattr("rdx.features.load_model", lambda *_: pytest.fail("a model was loaded"))
    found = load_representation({"model": MODEL}, items, cache_dir=tmp_path)
    np.testing.assert_array_equal(found.values, expected[None, None])


def test_layouts_are_whole_batches(items):
    model = load_model(LARGER)
    small = chunked.layout_of(model, items, None, "cpu")
    assert small == chunked.Layout("cpu", 8, 16)
    assert chunked.layout_of(model, items, None, "cuda:1") == chunked.Layout("cuda", 64, 16)
    spans = [span for number in range(2) for span in small.spans(number, len(items))]
    assert [i for span in spans for i in span] == list(range(len(items)))
    assert {len(span) for span in spans} == {8}


@pytest.mark.slow
def test_a_killed_process_loses_one_chunk(items, expected, tmp_path):
    """kill -9 in the middle of a pass: what it had finished stays, and the next one goes on from there."""
    program = (
        "from rdx.data import load_items\nfrom rdx.features import load_representation\n"
        f"items = load_items('digits', images_per_class=20)\n"
        f"load_representation({{'model': {LARGER!r}, 'batch_size': 1}}, items, cache_dir={str(tmp_path)!r})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=ROOT)
    deadline = time.monotonic() + 120
    while len(chunk_files(tmp_path)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("0*-of-*.safetensors")}
    assert 2 <= len(kept) < 13, "the process was not killed in the middle"
    compute_chunks({"model": LARGER, "batch_size": 1}, items, tmp_path)
    assert len(chunk_files(tmp_path)) == 13
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    found = load_representation({"model": LARGER, "batch_size": 1}, items, cache_dir=tmp_path)
    alone = extract_layers(load_model(LARGER), items, [(None, None)], batch_size=1)[None, None]
    np.testing.assert_array_equal(found.values, alone)
