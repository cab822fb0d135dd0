"""Pickles of plain values are read; whatever else is in one is refused and never run."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import struct

import numpy as np
import pytest

from rdx.data.reading.plain_pickle import read_plain_pickle
from rdx.errors import InputError

PLAIN = [
    {"id": 3, "img_path": "a/Ä b.jpg", "class_label": 0, "attribute_label": [0, 1, 1], "score": 0.25, "none": None},
    ("t", b"\x00\xff", True, -(2**70), [], {}, {1, 2}, frozenset({"x"})),
]


def saved(tmp_path, data: bytes):
    path = tmp_path / "list.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back_as_they_were(tmp_path, protocol):
    # Old protocols make sets and bytes by calling functions; what the lists of CUB hold is in all of them.
    content = PLAIN if protocol >= 4 else PLAIN[:1]
    assert read_plain_pickle(saved(tmp_path, pickle.dumps(content, protocol))) == content


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "number", [np.int64(-7), np.int32(7), np.uint8(200), np.float64(0.1), np.float32(0.5), np.bool_(True), np.int8(-1)]
)
def test_numbers_of_numpy_become_plain_ones(tmp_path, protocol, number):
    found = read_plain_pickle(saved(tmp_path, pickle.dumps([number, number], protocol)))
    assert found == [number.item()] * 2 and type(found[0]) is type(number.item())


def test_numbers_of_the_other_byte_order_and_of_older_numpy(tmp_path):
    kind = b"cnumpy\ndtype\n(S'i4'\nI0\nI1\ntR(I3\nS'>'\nNNNI-1\nI-1\nI0\ntb"
    number = b"cnumpy.core.multiarray\nscalar\n(" + kind + rb"S'\x00\x00\x01\x02'" + b"\ntR."
    assert read_plain_pickle(saved(tmp_path, number)) == 258


class Runs:
    """Unpickled by the standard module, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Spoils:
    def __reduce__(self):
        return eval, ("__import__('os')",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_functions_are_not_called(tmp_path, protocol):
    data = pickle.dumps([1, Runs(tmp_path / "made")], protocol)
    pickle.loads(data)  # so that the test can fail
    os.rmdir(tmp_path / "made")
    with pytest.raises(InputError, match=r"list.pkl' is refused: it asks for (posix|nt|os).mkdir"):
        read_plain_pickle(saved(tmp_path, data))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Spoils(), r"builtins.eval|__builtin__.eval"),
        (collections.OrderedDict(a=1), "OrderedDict"),
        (np.arange(3), "_reconstruct|_frombuffer"),
        (np.array(["text"])[0], "numpy type 'U4'"),
        (np.datetime64("2020-01-01"), "numpy type 'M8'"),
        (np.dtype("i4"), "it holds a NumberType"),
        (np.complex128(1), "numpy type 'c16'"),
        (1j, "builtins.complex|__builtin__.complex"),
        (os.path.join, "join"),
        (type, "type"),
    ],
)
def test_everything_else_is_refused(tmp_path, content, said):
    with pytest.raises(InputError, match=f"list.pkl' is refused: .*({said})") as caught:
        read_plain_pickle(saved(tmp_path, pickle.dumps(content, 2)))
    assert "\n" not in str(caught.value)


def opcodes(*parts: bytes) -> bytes:
    return b"".join(parts) + b"."


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # GLOBAL and REDUCE
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
        b"\x80\x02cnumpy\ndtype\n\x8c\x03__x\x85\x81.",  # NEWOBJ of a stand-in
        b"Pid\n.",  # an object outside the file
        b"\x80\x02U\x01aQ.",  # the same, by value
        b"\x82\x01.",  # an extension code
        b"\x80\x02c_codecs\nencode\n.",  # a stand-in as a value
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
    ],
)
def test_hand_made_attacks_are_refused(tmp_path, data):
    with pytest.raises(InputError, match="list.pkl' is (refused|not a whole pickle)"):
        read_plain_pickle(saved(tmp_path, data))


def test_what_one_file_does_to_a_stand_in_does_not_reach_the_next(tmp_path):
    # BUILD with a second state of attributes: it sets `code` on the class in the place of numpy.dtype.
    attack = b"\x80\x02cnumpy\ndtype\n}X\x0c\x00\x00\x00__setstate__K\x01s\x86b0N."
    with contextlib.suppress(InputError):
        read_plain_pickle(saved(tmp_path, attack))
    assert read_plain_pickle(saved(tmp_path, pickle.dumps(np.int64(5), 2))) == 5
    assert np.dtype("i8").itemsize == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no pickle",
        pickle.dumps(PLAIN)[:-20],
        b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",  # a byte array larger than any memory
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".",
        b"]" * 10,
        b"0" * 3,
        b"\x80\xff.",
    ],
)
def test_damaged_files_say_so(tmp_path, data):
    with pytest.raises(InputError, match="list.pkl' is not a whole pickle") as caught:
        read_plain_pickle(saved(tmp_path, data))
    assert "\n" not in str(caught.value)


def test_a_list_inside_itself_is_refused(tmp_path):
    circle: list = [1]
    circle.append({"x": (circle,)})
    with pytest.raises(InputError, match="a list in it holds itself"):
        read_plain_pickle(saved(tmp_path, pickle.dumps(circle)))
    shared = [1, 2]  # the same list twice is no circle
    assert read_plain_pickle(saved(tmp_path, pickle.dumps([shared, shared]))) == [[1, 2], [1, 2]]


def test_depth_is_no_danger(tmp_path):
    deep = b"(" * 0 + b"]" * 50_000 + b"a" * 49_999 + b"."
    found = read_plain_pickle(saved(tmp_path, deep))
    for _ in range(49_999):
        (found,) = found
    assert found == []
