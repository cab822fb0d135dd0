"""Arrays as one block of bytes with a directory, for a page to read without parsing numbers."""

from __future__ import annotations

import base64

import numpy as np

_TYPES = {"uint8": "u1", "uint16": "u2", "uint32": "u4", "int8": "i1", "int32": "i4", "float32": "f4"}
_ALIGN = 4  # typed arrays of a page start at multiples of their item's size


class ArrayBlock:
    """Named arrays, packed one after the other, little-endian."""

    def __init__(self) -> None:
        self.directory: dict[str, list] = {}  # name → [type, first byte, number of values]
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, array: np.ndarray) -> None:
        """Appends an array in C order under a new name; its type is kept. Raises ValueError for other types."""
        array = np.asarray(array)
        if array.dtype.name not in _TYPES or name in self.directory:
            raise ValueError(f"{name}: {array.dtype} cannot be packed, or the name is taken")
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        self.directory[name] = [_TYPES[array.dtype.name], self._size, int(array.size)]
        padding = -len(data) % _ALIGN
        self._parts.append(data + b"\0" * padding)
        self._size += len(data) + padding

    def base64(self) -> str:
        return base64.b64encode(b"".join(self._parts)).decode("ascii")


def smallest_unsigned(array: np.ndarray) -> np.ndarray:
    """Whole numbers ≥ 0 in the narrowest unsigned type that holds them."""
    array = np.asarray(array)
    return array.astype(np.min_scalar_type(int(array.max()) if array.size else 0))


def as_bytes(values: np.ndarray, largest: float) -> np.ndarray:
    """Numbers in [−largest, largest] as int8 steps of largest / 127."""
    return np.clip(np.rint(np.asarray(values) * (127.0 / largest)), -127, 127).astype(np.int8)
