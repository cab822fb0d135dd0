#!/usr/bin/env bash
# safetensors 0.8.0 (2026), safetensors.numpy.save_file and save: an array that is not C-contiguous is written as the bytes
# lie in memory, with the shape of the array. Nothing is said, the file is valid, and reading it gives other numbers. The
# same array as a torch tensor is refused by safetensors.torch ("You are trying to save a non contiguous tensor").
#
# Features are often such arrays: X.T, a column-major array from R, MATLAB or pandas (DataFrame.to_numpy() of equal dtypes
# is one), every second row. Seen with NumPy 2.4.6 on Python 3.11, Linux x86-64:
#   X                        [[0, 1, 2], [3, 4, 5]]
#   np.asfortranarray(X)  →  [[0, 3, 1], [4, 2, 5]]
#   X.T                   →  [[0, 1], [2, 3], [4, 5]]
#   DataFrame.to_numpy()  →  another table
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6 pandas==3.1.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file

X = np.arange(6, dtype=np.float32).reshape(2, 3)
frame = pd.DataFrame({"a": np.float32([0, 1, 2]), "b": np.float32([3, 4, 5])}).to_numpy()
seen = {}
for name, array in {"column-major": np.asfortranarray(X), "transposed": X.T, "DataFrame.to_numpy()": frame}.items():
    path = f"{sys.argv[1]}/array.safetensors"
    save_file({"features": array}, path)  # no error
    back = load_file(path)["features"]
    print(f"{name}: saved {array.tolist()}, read {back.tolist()}")
    seen[name] = back.shape == array.shape and not np.array_equal(back, array)
    save_file({"features": np.ascontiguousarray(array)}, path)
    assert np.array_equal(load_file(path)["features"], array), "contiguous arrays should be stored as they are"
if not all(seen.values()):
    sys.exit(f"changed: {[name for name, wrong in seen.items() if not wrong]} now come back as they were saved")
print("as described: wrong numbers in the right shape, without an error")
PY
