"""Chunks as files: what is written is read, damage is noticed, nothing half-written counts."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from rdx.features.chunks import Chunks


def content(number: int) -> dict[str, np.ndarray]:
    return {"features": np.full((3, 2), number, dtype=np.float32), "rows": np.arange(number)}


@pytest.fixture
def chunks(tmp_path):
    return Chunks(tmp_path / "here", "key", 5)


def test_what_is_written_is_read(chunks):
    assert chunks.read(0) is None and chunks.missing() == chunks.absent() == [0, 1, 2, 3, 4]
    for number in (0, 3):
        chunks.write(number, content(number))
        for name, value in content(number).items():
            found = chunks.read(number)[name]
            assert found.dtype == value.dtype
            np.testing.assert_array_equal(found, value)
    assert chunks.missing() == chunks.absent() == [1, 2, 4]
    chunks.discard()
    assert not chunks.folder.exists() and chunks.missing() == [0, 1, 2, 3, 4]


def test_the_same_chunk_is_the_same_file_whoever_computes_it(tmp_path):
    files = []
    for name in ("one", "two"):
        chunks = Chunks(tmp_path / name, "key", 5)
        chunks.write(2, content(2))
        files.append(chunks.path(2).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("kind", ["truncated", "flipped", "header", "empty", "another's key", "another number"])
def test_damage_is_noticed(chunks, caplog, kind):
    chunks.write(1, content(1))
    path = chunks.path(1)
    data = path.read_bytes()
    if kind == "another's key":
        Chunks(chunks.folder, "other", 5).write(1, content(1))
    elif kind == "another number":
        chunks.write(2, content(2))
        chunks.path(2).replace(path)
    else:
        cut = {"truncated": len(data) - 7, "flipped": len(data) - 3, "header": 20, "empty": 0}[kind]
        rest = b"" if kind in ("truncated", "empty") else bytes([data[cut] ^ 1]) + data[cut + 1 :]
        path.write_bytes(data[:cut] + rest)
    with caplog.at_level(logging.WARNING):
        assert chunks.missing() == [0, 1, 2, 3, 4]
    assert [str(path) in line and "\n" not in line for line in caplog.messages] == [True]
    assert 1 in chunks.absent()  # whoever waits for it does not take it for whole
    chunks.write(1, content(1))
    assert chunks.missing() == [0, 2, 3, 4]


def test_what_an_interrupted_writer_leaves_is_no_chunk(chunks, monkeypatch):
    def interrupted(arrays, path, metadata):
        with open(path, "wb") as handle:
            handle.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.numpy.save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        chunks.write(0, content(0))
    assert chunks.missing() == [0, 1, 2, 3, 4] and not list(chunks.folder.iterdir())


def test_a_chunk_written_while_all_are_discarded(chunks, monkeypatch):
    from safetensors.numpy import save_file

    for when in ("before", "after"):
        def discarded(arrays, path, metadata, when=when):
            if when == "before":
                chunks.discard()
            save_file(arrays, path, metadata)
            chunks.discard()

        monkeypatch.setattr("safetensors.numpy.save_file", discarded)
        chunks.write(0, content(0))
        assert not chunks.folder.exists()
