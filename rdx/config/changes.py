"""Changes from the command line: `--set KEY=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rdx.config.files import APPEND, merged, parsed
from rdx.errors import InputError, unknown

Parsed = TypeVar("Parsed")


def parsed_with(
    parse: Callable[..., Parsed], values: Mapping[str, Any], changes: Sequence[str], *, source: str
) -> Parsed:
    """What `parse(values, source=…)` makes of the changed values.

    Raises InputError as it does; where `source` alone is right, the error names the first change that is not.
    """
    changed = apply_changes(values, changes)
    try:
        return parse(changed, source=source)
    except InputError:
        if not _is_right(parse, values):
            raise
        for change in changes:
            values = apply_changes(values, [change])
            parse(values, source=f"--set {change}")
        raise


def _is_right(parse: Callable[..., Any], values: Mapping[str, Any]) -> bool:
    try:
        parse(values, source="")
    except InputError:
        return False
    return True


def apply_changes(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Apply `KEY=VALUE` texts; keys are dotted, and list entries go by position or by their name.

    A `*` in a key stands for every entry (`representations.*.model=…`); `KEY+=VALUE` appends to a list.
    """
    result = merged({}, values)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.removesuffix(APPEND):
            raise InputError(f"--set {change}: write KEY=VALUE")
        value = parsed(text, f"--set {change}")
        if key.endswith(APPEND):
            key = key.removesuffix(APPEND)
            value = [*_list_at(result, key, change), value]
        result = _changed(result, key.split("."), value, change)
    return result


def _list_at(values: Any, key: str, change: str) -> list[Any]:
    """The list that a dotted key leads to; empty where there is nothing yet."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    if values is not None and not isinstance(values, list):
        raise InputError(f"--set {change}: '{key}' is no list, so nothing can be appended to it")
    return values or []


def _changed(values: Any, keys: list[str], value: Any, change: str) -> Any:
    """A copy of `values` in which the entry at `keys` is `value`."""
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if key == "*" and isinstance(values, list):
        return [_changed(entry, rest, value, change) for entry in values]
    if key == "*" and isinstance(values, Mapping):
        return {name: _changed(entry, rest, value, change) for name, entry in values.items()}
    if isinstance(values, list):
        position = _position(values, key, change)
        return [*values[:position], _changed(values[position], rest, value, change), *values[position + 1 :]]
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"--set {change}: there is nothing below '{key}'")
    return {**(values or {}), key: _changed((values or {}).get(key), rest, value, change)}


def _position(entries: list[Any], key: str, change: str) -> int:
    names = [e.get("name", e.get("method")) if isinstance(e, Mapping) else e for e in entries]
    if key in names:
        return names.index(key)
    if re.fullmatch(r"\d+", key) and int(key) < len(entries):
        return int(key)
    raise InputError(f"--set {change}: {unknown('entry', key, [*names, *range(len(entries))])}")
