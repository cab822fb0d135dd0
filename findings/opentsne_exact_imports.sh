#!/usr/bin/env bash
# openTSNE 1.0.4, asked for exact neighbours (method="exact"), imports pynndescent where that is installed, as it is
# wherever umap-learn is: before it looks at the method it finds out which approximate one it would prefer, and whether
# pynndescent is there by importing it. That brings numba, seconds of CPU in every new process, where the exact search
# among 200 points takes a few hundredths. Without pynndescent the same call imports neither; results are equal. An index
# object given as knn_index goes round it. Seen on Python 3.11, Linux x86-64, with numpy 2.4.6, scipy 1.17.1, scikit-learn
# 1.9.1 and pynndescent 0.7.0.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/exact.py" <<'PY'
import sys
import time

import numpy as np
from openTSNE.affinity import PerplexityBasedNN

points = np.random.default_rng(0).normal(size=(200, 8))
start = time.process_time()
graph = PerplexityBasedNN(points, perplexity=10, method="exact", n_jobs=1, random_state=0)
took = time.process_time() - start
print("pynndescent" in sys.modules, "numba" in sys.modules, f"{took:.2f}", f"{graph.P.data.max():.12f}")
PY
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" openTSNE==1.0.4 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
read -r without numba_without took_without value_without < <("$folder/venv/bin/python" "$folder/exact.py")
echo "without pynndescent: imported $without, numba $numba_without, $took_without s of CPU"
"${pip[@]}" pynndescent==0.7.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
"$folder/venv/bin/python" "$folder/exact.py" >/dev/null # compiles and caches what can be
read -r with numba_with took_with value_with < <("$folder/venv/bin/python" "$folder/exact.py")
echo "with pynndescent: imported $with, numba $numba_with, $took_with s of CPU"
if [[ "$without $numba_without $with $numba_with" != "False False True True" || "$value_without" != "$value_with" ]]; then
    echo "changed" >&2
    exit 1
fi
echo "as described"
