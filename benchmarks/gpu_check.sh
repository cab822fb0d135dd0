#!/usr/bin/env bash
# What only a machine with a GPU can say, in at most ten minutes: the kernels' own tests, 50,000 items dense and sparse,
# 1,000,000 items, and features of 2,000 made images from a ViT-B. Writes one CSV with the GPU's name; a part that fails
# or takes too long has no seconds there, and the script then leaves with 1.
#   bash benchmarks/gpu_check.sh [OUTPUT.csv]     benchmarks/gpu_check.csv where none is named
# Without a GPU it says so in one line and leaves with 2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${PYTHON:-python}"
if [[ -z "${PYTHON:-}" && -x .venv/bin/python ]]; then python=.venv/bin/python; fi
output="${1:-benchmarks/gpu_check.csv}"

gpu=$("$python" -c 'import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else "")')
if [[ -z "$gpu" ]]; then
    echo "benchmarks/gpu_check.sh: not measured: PyTorch finds no GPU here" >&2
    exit 2
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH="$PWD"
part() { # NAME SECONDS COMMAND…: runs it for at most so long, and notes how it ended; 570 seconds in all
    local name=$1 limit=$2 start=$SECONDS status=0
    shift 2
    echo "== $name"
    timeout "$limit" "$@" || status=$?
    printf "%s\t%s\t%s\n" "$name" "$status" "$((SECONDS - start))" >>"$folder/parts.tsv"
}
part "kernels' tests" 100 "$python" -m pytest -q -p no:cacheprovider tests/method/gpu
part "50,000 items" 70 "$python" benchmarks/gpu.py --sizes 50000 --output "$folder/small.csv"
part "extraction" 100 "$python" benchmarks/extraction.py --models timm:vit_base_patch16_224 --images 2000 --repeats 1 \
    --device cuda --output "$folder/extraction.csv"
part "1,000,000 items" 300 "$python" benchmarks/gpu.py --sizes 1000000 --solvers sparse --output "$folder/large.csv"

"$python" - "$folder" "$output" "$gpu" <<'PYTHON'
"""One row a part: how it ended, what was measured and what is asked for."""
import csv
import sys
from pathlib import Path

folder, output, gpu = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


def read(name):
    path = folder / name
    return list(csv.DictReader(path.open(encoding="utf-8"))) if path.is_file() else []


def fits(name, what):
    return [(f"{what} {row['solver']}", row["seconds"]) for row in read(name) if row["stage"] == "all"]


measured = dict([*fits("small.csv", "50,000 items"), *fits("large.csv", "1,000,000 items")])
measured |= {"extraction, share of the bare rate": row["whole_of_bare"] for row in read("extraction.csv")}
asked = {  # seconds at most; of the share: at least
    "50,000 items dense": 3, "50,000 items sparse": 3, "1,000,000 items sparse": 180,
    "extraction, share of the bare rate": 0.9,
}  # fmt: skip
parts = list(csv.reader((folder / "parts.tsv").open(encoding="utf-8"), delimiter="\t"))
rows = [(f"{name}, exit code", status, 0) for name, status, _ in parts]
rows += [(f"{name}, whole process, s", spent, "") for name, _, spent in parts]
rows += [(what, measured.get(what, "not measured"), wanted) for what, wanted in asked.items()]
with output.open("w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(("what", "measured", "asked", "gpu"))
    writer.writerows((*row, gpu) for row in rows)
for row in rows:
    print("  ".join(str(value) for value in row if value != ""))
sys.exit(any(status != "0" for _, status, _ in parts))
PYTHON
