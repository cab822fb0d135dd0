#!/usr/bin/env bash
# In torch 2.13.0 the first optimizer of a process imports torch's compiler: `torch.optim.SGD([weight], lr=0.1)` on one
# number loads hundreds of modules, torch._dynamo and SymPy among them, none of which `import torch` had loaded, and
# none of which its steps use. Once a process it takes about as long as `import torch` itself, a second or two of CPU on
# Python 3.11, Linux x86-64: more than to train a small network on a thousand images. The second optimizer takes less
# than a thousandth of that. Whoever starts a process a training pays it each time.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat >"$folder/optimizer.py" <<'PY'
import sys
import time


def timed(what):
    start = time.process_time()
    what()
    return time.process_time() - start


importing = timed(lambda: __import__("torch"))
torch = sys.modules["torch"]
weight = torch.nn.Parameter(torch.ones(1))
before = set(sys.modules)
first = timed(lambda: torch.optim.SGD([weight], lr=0.1))
loaded = set(sys.modules) - before
second = timed(lambda: torch.optim.SGD([weight], lr=0.1))
heavy = {"torch._dynamo", "sympy"}
print(f"import torch {importing:.2f} s of CPU, first optimizer {first:.2f} s and {len(loaded)} modules, "
      f"second {second:.4f} s; among the modules: {', '.join(sorted(heavy & loaded))}")
if not (heavy <= loaded and len(loaded) > 300 and first > 0.3 * importing and second < first / 100):
    raise SystemExit("changed")
print("as described")
PY
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" "$folder/optimizer.py"
