"""The arrays of numbers in a MATLAB file of versions 5 to 7, which `save` and scipy.io.savemat write.

Read here, since scipy.io.loadmat (SciPy 1.17.1) can end the whole process at a damaged file. The format is in
MATLAB's "MAT-File Format": a header of 128 bytes, then elements of a type, a length, and so many bytes; an array is an
element made of four others, its flags, shape, name and values.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15  # types of elements
_VALUES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # of others
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_SPARSE = 5
_COMPLEX = 0x800  # a flag
_LARGEST = 1 << 31  # bytes that a sparse array may have when it is written out


def numeric_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Every array of real numbers by its name; sparse ones are written out, text, cells and structures left out.

    Raises ValueError, or what zlib and NumPy raise, for a file that is damaged or of another kind.
    """
    order = {b"IM": "<", b"MI": ">"}.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("not a MATLAB file of version 5 to 7.3 (save it with -v7)")
    found: dict[str, np.ndarray] = {}
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            kind, data = next(_elements(zlib.decompress(data), order))
        array = _array(data, order) if kind == _MATRIX else None
        if array is not None:
            name, values = array
            if name in found:
                raise ValueError(f"two arrays are called '{name}'")
            found[name] = values
    return found


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """The type and the bytes of each element; those of up to four bytes have both in one word."""
    place = 0
    while place < len(data):
        first, length = (int(word) for word in np.frombuffer(data, f"{order}u4", 2, place))
        short = first >> 16
        kind, length, start = (first & 0xFFFF, short, place + 4) if short else (first, length, place + 8)
        end = start + length
        if end > len(data) or (short and length > 4):
            raise ValueError("an element is longer than the file")
        yield kind, data[start:end]
        place = place + 8 if short else end if kind == _COMPRESSED else end + -length % 8


def _array(data: bytes, order: str) -> tuple[str, np.ndarray] | None:
    """An array's name and values; None for what is not an array of real numbers."""
    parts = _elements(data, order)
    flags = int(np.frombuffer(next(parts)[1], f"{order}u4")[0])
    kind = flags & 0xFF
    if (kind not in _CLASSES and kind != _SPARSE) or flags & _COMPLEX:
        return None
    shape = tuple(np.frombuffer(next(parts)[1], f"{order}i4").tolist())
    name = next(parts)[1].decode("ascii")
    if min(shape, default=-1) < 0:
        raise ValueError(f"array '{name}' has a shape {shape}")
    if kind == _SPARSE:
        return name, _written_out(name, shape, *(_numbers(name, next(parts), order) for _ in range(3)))
    values = _numbers(name, next(parts), order)
    if values.size != math.prod(shape):
        raise ValueError(f"array '{name}' claims shape {shape}, and holds {values.size} values")
    return name, values.astype(_CLASSES[kind]).reshape(shape, order="F")


def _numbers(name: str, element: tuple[int, bytes], order: str) -> np.ndarray:
    kind, raw = element
    if kind not in _VALUES:
        raise ValueError(f"array '{name}' has values of the unknown type {kind}")
    return np.frombuffer(raw, order + _VALUES[kind])


def _written_out(
    name: str, shape: tuple[int, ...], rows: np.ndarray, starts: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """A sparse array in full: the row of each value, column after column, and where each column starts."""
    if len(shape) != 2 or len(starts) != shape[1] + 1 or 8 * math.prod(shape) > _LARGEST:
        raise ValueError(f"the sparse array '{name}' claims shape {shape}")
    counts, held = np.diff(starts), int(starts[-1])
    if starts[0] != 0 or (counts < 0).any() or (rows < 0).any() or held > min(len(rows), len(values)):
        raise ValueError(f"the columns of the sparse array '{name}' do not fit its {len(values)} values")
    full = np.zeros(shape)
    full[rows[:held], np.repeat(np.arange(shape[1]), counts)] = values[:held]
    return full
