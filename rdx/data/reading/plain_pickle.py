"""Reading a pickle that somebody else wrote, without running anything in it.

Only plain containers, strings, numbers and NumPy's single numbers come through. A pickle names the functions it
wants called; here every name but those that NumPy's numbers need is refused, and for these few harmless stand-ins
are called in the place of the real ones.
"""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rdx.errors import InputError

_CODE = re.compile(r"[<>=|]?(b1|[iuf][1248])")
_PLAIN = (bool, int, float, str, bytes, type(None))
_CONTAINERS = (dict, list, tuple, set, frozenset)


def read_plain_pickle(path: Path) -> Any:
    """What a pickle of plain values holds; text of Python 2 counts as Latin-1.

    Raises InputError, naming the file and why: not a whole pickle, or one that holds anything else.
    """
    try:
        content = _Reader(io.BytesIO(path.read_bytes())).load()
    except _Refused as error:
        raise InputError(f"'{path}' is refused: it asks for {error}, and only plain lists are read") from None
    # A damaged or hostile pickle can raise nearly anything inside the reader.
    except Exception as error:
        raise InputError(f"'{path}' is not a whole pickle: {error or type(error).__name__}") from None
    return _plain(content, path)


class _Refused(pickle.UnpicklingError):
    pass


class _Reader(pickle.Unpickler):
    """Knows no function but the stand-ins, which are made anew for each file: a pickle can spoil only its own."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")
        self._known = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise _Refused(f"{module}.{name}")
        return self._known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object outside the file")


def _stand_ins() -> dict[tuple[str, str], Callable[..., Any]]:
    """What a pickled NumPy number names → what is called for it."""

    class NumberType:
        """In the place of numpy.dtype, for single numbers only."""

        def __init__(self, code: str, *_: Any) -> None:
            if not isinstance(code, str) or not _CODE.fullmatch(code):
                raise _Refused(f"numpy type {code!r}")
            self.code = code.lstrip("<>=|")

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            order = state[1]
            if order not in ("<", ">", "=", "|"):
                raise _Refused(f"numpy byte order {order!r}")
            self.code = order.replace("|", "") + self.code

    known: dict[tuple[str, bytes | str], int | float | bool] = {}  # the lists hold millions, and few different ones

    def number(kind: NumberType, data: bytes | str) -> int | float | bool:
        """In the place of numpy's scalar constructor."""
        key = (kind.code, data)
        if key not in known:
            raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
            values = np.frombuffer(raw, dtype=kind.code)
            if len(values) != 1:
                raise _Refused("an array")
            known[key] = values[0].item()
        return known[key]

    def encoded(text: str, encoding: str) -> bytes:
        """In the place of codecs.encode, by which old protocols write bytes."""
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise _Refused(f"the encoding {encoding!r}")
        return text.encode("latin1")

    return {
        ("numpy", "dtype"): NumberType,
        ("numpy.core.multiarray", "scalar"): number,
        ("numpy._core.multiarray", "scalar"): number,
        ("_codecs", "encode"): encoded,
    }


def _plain(content: Any, path: Path) -> Any:
    """`content` once nothing in it is anything but plain; a container inside itself is refused too."""
    waiting: list[tuple[Any, bool]] = [(content, False)]
    open_now: set[int] = set()
    done: set[int] = set()
    while waiting:
        value, leaving = waiting.pop()
        if type(value) in _PLAIN or id(value) in done:
            continue
        if leaving:
            open_now.discard(id(value))
            done.add(id(value))
            continue
        if type(value) not in _CONTAINERS:
            raise InputError(f"'{path}' is refused: it holds a {type(value).__name__}, and only plain lists are read")
        if id(value) in open_now:
            raise InputError(f"'{path}' is refused: a list in it holds itself")
        open_now.add(id(value))
        waiting.append((value, True))
        parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        waiting += [(part, False) for part in parts if type(part) not in _PLAIN]
    return content
