#!/usr/bin/env bash
# scipy.linalg.eigh(matrix, subset_by_index=...) of SciPy 1.17.1 (its wheel's OpenBLAS) can return fewer eigenvalues than
# the indices ask for, down to an empty array, without an error or a warning; for others of the same kind it raises
# LinAlgError("Internal Error."). The matrices are as plain as can be: complete graphs without self-loops, every edge
# 1 / (n - 1), whose eigenvalues are 1 once and -1 / (n - 1) otherwise. Of 998 calls for the largest 1 to 8 eigenvalues
# at n = 4 to 129 a few are short and a few raise; which ones depends on the processor that OpenBLAS takes its kernels
# for, and under each of six that were tried some are short and some raise. eigh without a subset, and NumPy's, find all.
# Seen on Python 3.11, Linux x86-64, with numpy 2.4.6.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/subset.py" <<'PY'
import numpy as np
from scipy.linalg import LinAlgError, eigh

calls, short, raised, whole = 0, [], [], True
for n in range(4, 130):
    root = np.sqrt(np.full(n, n - 1.0))
    graph = (np.ones((n, n)) - np.eye(n)) / np.outer(root, root)
    expected = np.append(np.full(n - 1, -1 / (n - 1)), 1.0)
    whole &= bool(np.allclose(eigh(graph)[0], expected) and np.allclose(np.linalg.eigh(graph)[0], expected))
    for count in range(1, min(n, 8) + 1):
        calls += 1
        try:
            values, vectors = eigh(graph, subset_by_index=(n - count, n - 1))
        except LinAlgError:
            raised.append((n, count))
            continue
        if len(values) < count:
            short.append((n, count, vectors.shape))
print(f"{calls} calls; short, as (n, asked for, shape of the vectors): {short}; raised: {raised}; all found whole: {whole}")
if not (short and raised and whole):
    raise SystemExit("changed")
print("as described")
PY
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1
for cores in "" Haswell SkylakeX Sandybridge; do # "" is this machine's own
    OPENBLAS_CORETYPE="$cores" OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/subset.py"
done
