"""Reading YAML files: no key twice, and `base:` for what a file builds on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rdx.errors import InputError

APPEND = "+"  # at the end of a key: its entries come after those that the list has below
_MERGE = "tag:yaml.org,2002:merge"  # `<<`, of which several are fine


class _Loader(yaml.SafeLoader):
    """YAML in which no key of a mapping stands twice; the parser alone would take the last one."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        # Not where mappings are built: by then `<<` has brought keys that may well stand there again.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            line = key.start_mark.line + 1
            if (key.tag, key.value) in lines:
                first = lines[key.tag, key.value]
                raise InputError(f"line {line}: the key '{key.value}' stands twice (first in line {first})")
            lines[key.tag, key.value] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        # Whole at once, so that an alias inside of what it names is an error: else the values would have no end.
        return super().construct_object(node, deep=True)


def parsed(text: str, source: str) -> Any:
    """What YAML says; `source` is named in the InputError where it is not valid."""
    try:
        return _Loader(text).get_single_data()
    except InputError as error:
        raise InputError(f"{source}, {error}") from None
    # A date such as 2024-13-45 is a ValueError of Python's own.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from None


def read_yaml(path: Path | str, _above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A YAML file with what it builds on: dictionaries are merged, lists and values replaced.

    A key that ends with `+` appends its entries to the list below it instead.
    """
    path = Path(path)
    try:
        real = path.resolve()
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such configuration file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not valid YAML: {error}") from None
    except (OSError, ValueError, RuntimeError) as error:  # a folder, a name that is too long or leads in a circle
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read as a configuration file: {why}") from None
    if real in _above:
        raise InputError(f"{path}: 'base' leads in a circle: {' → '.join(p.name for p in (*_above, real))}")
    values = parsed(text, str(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines, not {_KINDS.get(type(values), 'a single value')}")
    base = values.pop("base", None)
    if base is not None and not isinstance(base, str):
        raise InputError(f"{path}: 'base' must be one path")
    below = {} if base is None else read_yaml(path.parent / Path(base).expanduser(), (*_above, real))
    try:
        return merged(below, values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


_KINDS = {list: "a list", type(None): "an empty file"}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`; `KEY+` in `above` appends to the list `KEY`.

    Raises:
        InputError: `KEY+` and no list to append, or nothing that it can be appended to.
    """
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            beneath = result.get(key)
            result[key] = merged(beneath if isinstance(beneath, Mapping) else {}, value)
        elif not _appends(key):
            result[key] = value
    for key, value in above.items():  # last: a file may give a list and, by an anchor's mapping, more of it
        if _appends(key) and not isinstance(value, Mapping):
            result[key[:-1]] = [*_list(result, key[:-1]), *_list(above, key)]
    return result


def _appends(key: Any) -> bool:
    return isinstance(key, str) and len(key) > 1 and key.endswith(APPEND)


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    if found is not None and not isinstance(found, list):
        raise InputError(f"'{key}' is no list, so nothing can be appended")
    return found or []
