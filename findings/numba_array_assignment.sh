#!/usr/bin/env bash
# In a function compiled by Numba 0.68.1, the assignment of one array to another, `a[:] = b`, takes some thirty times as
# long to compile as the loop that does the same: 2.1 s of CPU against 0.07 s on Python 3.11, Linux x86-64, with numpy
# 2.4.6. The check that the shapes go together writes them into its error message, so the machinery of strings (their
# concatenation, the texts of integers, Unicode's tables) is compiled into the function: nine times the LLVM code, in
# which "unicode" stands over a hundred times, and in the loop's not once. With a number on the right-hand side,
# `a[:] = x`, nothing of the kind happens. Where nothing is cached, as in a fresh environment or a test run, every process
# pays that once for each such function.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/assignment.py" <<'PY'
import time

import numba
import numpy as np


@numba.njit
def first(a):  # what is compiled once a process
    return a[0]


@numba.njit
def loop(a, b):
    for i in range(len(a)):
        a[i] = b[i]


@numba.njit
def number(a, b):
    a[:] = b


@numba.njit
def array(a, b):
    a[:] = b


first(np.zeros(3))
seconds, code = {}, {}
for function, value in ((loop, np.ones(3)), (number, 1.0), (array, np.ones(3))):
    found = np.zeros(3)
    start = time.process_time()
    function(found, value)
    seconds[function] = time.process_time() - start
    (code[function],) = function.inspect_llvm().values()
    assert (found == 1.0).all()
    name = function.__name__
    print(f"{name:6}: {seconds[function]:.2f} s of CPU, {len(code[function]):,} characters of LLVM code, "
          f"{code[function].count('unicode')} times \"unicode\"")
slow = seconds[array] > 8 * max(seconds[loop], seconds[number]) and len(code[array]) > 4 * len(code[loop])
strings = "unicode" in code[array] and not any("unicode" in code[function] for function in (loop, number))
if not (slow and strings):
    raise SystemExit("changed")
print("as described")
PY
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.4.6
"$folder/venv/bin/python" "$folder/assignment.py"
