# What the scripts share: the project's root, its Python, and the decisions of setup.sh. Sourced, not run.
# shellcheck shell=bash

project_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export project_root

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# is_dry_run ARGUMENT…: is --dry-run among them? Then nothing is trained or downloaded.
is_dry_run() { [[ " $* " == *" --dry-run "* ]]; }

# The active virtual or conda environment's folder; nothing where none is active (or it is gone).
active_environment() {
    local prefix
    for prefix in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        if [[ -n "$prefix" && -x "$prefix/bin/python" ]]; then
            say "$prefix"
            return
        fi
    done
}

# The environment everything is installed into and run from.
environment() {
    local prefix
    prefix="$(active_environment)"
    say "${prefix:-$project_root/.venv}"
}

# set_up [--tests]: sets up what is missing, and leaves the interpreter to use in RDX_PYTHON.
set_up() {
    bash "$project_root/setup.sh" --quiet "$@"
    RDX_PYTHON="$(environment)/bin/python"
    export RDX_PYTHON
}

# is_python PYTHON NEWEST_MINOR: does it run, as Python 3.11 … 3.NEWEST_MINOR? (A pyenv shim may not run.)
is_python() {
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $2))" >/dev/null 2>&1
}

can_make_environments() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# The interpreter for a new environment: the default python3 where it is one of the tested versions, else
# another tested one, else a newer one. Fails with the reason on standard error.
find_python() {
    local candidate newest without_venv=""
    local candidates=(python3 python3.13 python3.12 python3.11 python
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[123].*/bin/python)
    if [[ -n "${PYTHON:-}" ]]; then
        candidates=("$PYTHON")
    fi
    for newest in 13 99; do
        for candidate in "${candidates[@]}"; do
            is_python "$candidate" "$newest" || continue
            if can_make_environments "$candidate"; then
                "$candidate" -c 'import sys; print(sys.executable)'
                return
            fi
            without_venv="${without_venv:-$candidate}"
        done
    done
    if [[ -n "$without_venv" ]]; then
        fail "$without_venv cannot make virtual environments; on Debian or Ubuntu, install python3-venv first"
    fi
    if [[ -n "${PYTHON:-}" ]]; then
        fail "PYTHON=$PYTHON is not a working Python 3.11 or newer"
    fi
    fail "no Python 3.11 or newer was found (python3, python3.13, python3.12, python3.11);" \
        "install one, or name it: PYTHON=/path/to/python bash setup.sh"
}

# stamp_of PYTHON LIST…: what an installation of these lists of packages depends on, as one hash. The folders belong
# to it, because a copied environment still points to where it was made.
stamp_of() {
    "$1" - "$project_root" "${@:2}" <<'PY'
import hashlib
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
parts = [(root / name).read_bytes() for name in (*sys.argv[2:], "pyproject.toml")]
parts += [sys.version.encode(), sys.prefix.encode(), str(root).encode()]
print(hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest())
PY
}

# The version requirements.txt pins for a package.
pinned() { sed -n "s/^$1==//p" "$project_root/requirements.txt"; }

# has_pinned PYTHON PACKAGE: is the pinned version installed (whatever its build)?
has_pinned() {
    "$1" - "$2" "$(pinned "$2")" >/dev/null 2>&1 <<'PY'
import sys
from importlib.metadata import version

sys.exit(version(sys.argv[1]).split("+")[0] != sys.argv[2])
PY
}

has_nvidia_driver() {
    [[ -e /proc/driver/nvidia/version ]] || { command -v nvidia-smi && nvidia-smi -L; } >/dev/null 2>&1
}

# can_reach PYTHON URL SECONDS: does the address answer in time? The timer covers the name look-up too.
can_reach() {
    "$1" - "$2" "$3" >/dev/null 2>&1 <<'PY'
import os
import sys
import threading
import urllib.request

seconds = float(sys.argv[2])
timer = threading.Timer(seconds, os._exit, (1,))
timer.daemon = True
timer.start()
urllib.request.urlopen(sys.argv[1], timeout=seconds).close()
PY
}

# torch_index PYTHON: the extra package index to install torch from, or nothing for pip's own.
# On Linux pip's own gives CUDA builds (several GB), which serve nobody without an NVIDIA driver.
# RDX_TORCH_INDEX overrides it: an address, or "default" for pip's own.
torch_index() {
    local cpu_wheels=https://download.pytorch.org/whl/cpu
    if [[ -n "${RDX_TORCH_INDEX:-}" ]]; then
        if [[ "$RDX_TORCH_INDEX" != default ]]; then say "$RDX_TORCH_INDEX"; fi
    elif [[ "$(uname -s)" == Linux ]] && ! has_nvidia_driver && can_reach "$1" "$cpu_wheels/torch/" 6; then
        say "$cpu_wheels"
    fi
}

# download_size PYTHON [PIP OPTION…]: what pip will fetch, in words. Off Linux there are no CUDA builds.
download_size() {
    local python="$1" torch versions=""
    shift
    torch="$(pinned torch)"
    if has_pinned "$python" torch; then
        say "torch is there already"
        return
    fi
    if [[ "$(uname -s)" == Linux ]]; then
        versions="$("$python" -m pip index versions torch --timeout 6 --retries 0 "$@" 2>/dev/null)" || true
    else
        versions="$torch+cpu"
    fi
    if [[ "$versions" == *"$torch+cpu"* ]]; then
        say "about 0.6 GB to download"
    else
        say "about 3 GB to download, as torch comes with CUDA packages here; 7 GB on disk"
    fi
}
