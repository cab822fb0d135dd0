"""benchmarks/gpu_check.sh with a Python that stands in for the long parts: what it writes, and what it leaves with."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/gpu_check.sh"
STAND_IN = """#!/usr/bin/env bash
if [[ "$1" == -c ]]; then echo "{gpu}"; exit; fi
if [[ "$1" == - ]]; then exec {python} "$@"; fi
case "$*" in
    *small.csv) printf 'solver,stage,seconds\\ndense,all,2.5\\nsparse,grid,9\\nsparse,all,2.9\\n' >"${{@: -1}}" ;;
    *extraction.csv) printf 'whole_of_bare\\n0.93\\n' >"${{@: -1}}" ;;
    *large.csv) exit 124 ;;
esac
"""


@pytest.mark.parametrize("gpu", ["", "Some GPU, 80 GB"])
def test_one_table_of_all_parts_or_one_line_without_a_gpu(tmp_path, gpu):
    stand_in, output = tmp_path / "python", tmp_path / "check.csv"
    stand_in.write_text(STAND_IN.format(gpu=gpu, python=sys.executable), encoding="utf-8")
    stand_in.chmod(0o755)
    done = subprocess.run(
        ["bash", str(SCRIPT), str(output)], env=os.environ | {"PYTHON": str(stand_in)}, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    if not gpu:
        assert done.returncode == 2 and "no GPU" in done.stderr and done.stderr.count("\n") == 1
        assert not output.exists()
        return
    assert done.returncode == 1, done.stderr  # a part ran out of time
    with output.open(encoding="utf-8") as file:
        rows = {row["what"]: (row["measured"], row["asked"], row["gpu"]) for row in csv.DictReader(file)}
    assert rows["50,000 items sparse"] == ("2.9", "3", gpu)
    assert rows["extraction, share of the bare rate"] == ("0.93", "0.9", gpu)
    assert rows["1,000,000 items sparse"] == ("not measured", "180", gpu)
    assert rows["1,000,000 items, exit code"] == ("124", "0", gpu)
