"""Family ``features:PATH``: no model but an array in a file; `rdx.features.arrays` reads it."""

from __future__ import annotations

from pathlib import Path

OPTIONS = {"key": str, "drop": str, "names": Path, "column": str, "header": str, "id": str}
