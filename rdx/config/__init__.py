"""The YAML of an experiment: `schema` and its `sections`, `files` with their `base:`, `changes` of the command line.

docs/configuration.md lists all keys; `reference` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rdx.config.changes import apply_changes, parsed_with
from rdx.config.files import merged, read_yaml
from rdx.config.messages import one_line
from rdx.config.schema import Experiment
from rdx.config.sections import LayerAnalysis, Method, Naming, Representation, Statistics, Sweep

__all__ = [
    "Experiment", "LayerAnalysis", "Method", "Naming", "Representation", "Statistics", "Sweep",
    "apply_changes", "load_experiment", "merged", "one_line", "parse_experiment", "parsed_with", "read_yaml",
]  # fmt: skip


def load_experiment(path: Path | str, changes: Sequence[str] = ()) -> Experiment:
    """Read one experiment's YAML with its bases, and apply `KEY=VALUE` changes.

    Raises:
        InputError: a missing or broken file, an unknown key, or a value out of range.
    """
    return parsed_with(parse_experiment, read_yaml(path), changes, source=str(path))


def parse_experiment(values: Mapping[str, Any], *, source: str) -> Experiment:
    """Check a mapping against the schema; `source` names it in errors."""
    try:
        return Experiment.model_validate(dict(values))
    except ValidationError as error:
        raise one_line(error, Experiment, values, source) from None
