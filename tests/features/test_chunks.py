"""Chunks as files: who computes which, what damage does, and what is said of those that are missing."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdx.shards import ALONE, Chunks, Worker, gaps, worker_of

from rdx.errors import InputError

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}


def content(number: int) -> dict[str, np.ndarray]:
    return {"features": np.full((3, 2), number, dtype=np.float32), "rows": np.arange(number)}


@pytest.fixture
def chunks(tmp_path):
    return Chunks(tmp_path / "here", "key", 5)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1/2/3", "", "1.5/2"])
def test_wrong_shards_are_refused_in_one_line(shard):
    with pytest.raises(InputError, match="^--shard must be i/N with i from 1 to N, such as 2/8, not '[^\n]*'$"):
        worker_of(shard, {})


def test_where_a_worker_comes_from():
    assert worker_of(None, {}) == ALONE == Worker(0, 1)
    assert worker_of(None, {"RANK": "3", "WORLD_SIZE": "4"}) == ALONE  # other launchers set these too
    assert worker_of("2/8", {}) == Worker(1, 8, by_hand=True)
    assert worker_of("1/1", {}).by_hand
    assert worker_of(None, TORCHRUN) == Worker(5, 8, local=1)
    with pytest.raises(InputError, match="^--shard and torchrun don't go together"):
        worker_of("1/2", TORCHRUN)


def test_one_process_speaks_for_all_under_torchrun():
    assert worker_of(None, TORCHRUN).is_silent
    assert not worker_of(None, {**TORCHRUN, "RANK": "0"}).is_silent
    assert not worker_of("2/2", {}).is_silent


def test_each_process_has_its_own_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [Worker(r, 4, local=r).device("cuda") for r in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert Worker(1, 4, local=1).device("cpu") == "cpu"
    assert Worker(1, 4, by_hand=True).device("cuda") == "cuda"


@given(count=st.integers(0, 40), workers=st.integers(1, 12))
def test_every_chunk_is_computed_by_one_worker(count, workers):
    shares = [Worker(index, workers).share(count) for index in range(workers)]
    assert sorted(number for share in shares for number in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_what_is_written_is_read(chunks):
    assert chunks.read(0) is None and chunks.missing() == chunks.absent() == [0, 1, 2, 3, 4]
    for number in (0, 3):
        chunks.write(number, content(number))
        for name, value in content(number).items():
            found = chunks.read(number)[name]
            assert found.dtype == value.dtype
            np.testing.assert_array_equal(found, value)
    assert chunks.missing() == chunks.absent() == [1, 2, 4]
    assert chunks.missing(Worker(1, 2)) == [1] and chunks.missing(Worker(0, 2)) == [2, 4]
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


def test_waiting_ends_when_all_are_there_or_nothing_comes(chunks):
    for number in range(4):
        chunks.write(number, content(number))
    late = threading.Timer(0.5, lambda: chunks.write(4, content(4)))
    late.start()
    assert chunks.wait(patience=30) == []
    late.join()
    chunks.path(2).unlink()
    start = time.monotonic()
    assert chunks.wait(patience=0.5) == [2] and time.monotonic() - start < 5


def test_gaps_name_chunks_and_shards(chunks):
    assert gaps(chunks) == "none of 5 chunks is there"
    for number in (0, 2, 4):
        chunks.write(number, content(number), Worker(0, 2))
    assert gaps(chunks) == "2 of 5 chunks are missing (2, 4, of shard 2 of 2)"
    chunks.path(0).unlink()
    assert gaps(chunks) == "3 of 5 chunks are missing (1, 2, 4, of shards 1, 2 of 2)"
    for number in range(5):
        chunks.write(number, content(number))
    assert gaps(chunks) == ""
    chunks.path(1).unlink()
    assert gaps(chunks) == "1 of 5 chunks is missing (2)"
