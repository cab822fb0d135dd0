#!/usr/bin/env bash
# From threadpoolctl 3.8.0 on, OpenBLAS obeys one Python thread at a time: the first that sets a limit. It stays so while
# that thread lives, if it used the documented form without `with`, even after it has restored the number: in every other
# thread `with threadpool_limits(limits=1):` then does nothing. No error, no warning: a product in there runs on all
# threads, and sums come out in another order than where the limit holds. With 3.7.0 it holds in both. Python 3.11, Linux
# x86-64, numpy 2.4.6 (OpenBLAS 0.3.31, pthreads).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/limits.py" <<'PY'
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import numpy  # noqa: F401  (brings OpenBLAS)
from threadpoolctl import threadpool_info, threadpool_limits


def blas():
    return next(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def in_thread():
    with threadpool_limits(limits=1):
        return blas()


def another_thread(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


before, fresh = blas(), another_thread(in_thread)
limit = threadpool_limits(limits=1)  # in the main thread
limit.restore_original_limits()
after = another_thread(in_thread)
print(f"threadpoolctl {version('threadpoolctl')}: of {before} threads, limited to 1 in another thread {fresh}, "
      f"and once the main thread has set and restored a limit {after}")
if (before, fresh, after) != {"3.7.0": (2, 1, 1), "3.8.0": (2, 1, 2)}[version("threadpoolctl")]:
    sys.exit("changed")
PY
for version in 3.7.0 3.8.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "threadpoolctl==$version" numpy==2.4.6
    OPENBLAS_NUM_THREADS=2 "$folder/$version/bin/python" "$folder/limits.py"
done
echo "as described"
