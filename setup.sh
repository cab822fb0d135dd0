#!/usr/bin/env bash
# Installs RDX and everything it needs into the active virtual or conda environment, or into a new .venv.
#   bash setup.sh [--tests] [--force] [--quiet]
#     --tests   what only the tests need, too
#     --force   installs again even if nothing changed        --quiet   says nothing if nothing is to do
#   PYTHON=/path/to/python    the interpreter for a new .venv
#   RDX_TORCH_INDEX=URL       the package index for torch ("default": pip's own)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

force=no quiet=no
lists=(requirements.txt) stamp_name=rdx-setup.stamp
for argument in "$@"; do
    case "$argument" in
        --tests) lists+=(requirements-test.txt) stamp_name=rdx-setup-tests.stamp ;;
        --force) force=yes ;;
        --quiet) quiet=yes ;;
        -h | --help)
            sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *)
            printf 'error: unknown option %s (known: --tests, --force, --quiet)\n' "$argument" >&2
            exit 2
            ;;
    esac
done

prefix="$(environment)"
python="$prefix/bin/python"
stamp="$prefix/$stamp_name"
next="bash scripts/quickstart.sh"
if [[ -z "$(active_environment)" ]]; then
    next="$next   (for the rdx command: source .venv/bin/activate)"
fi

if [[ "$force" == no && -f "$stamp" ]] && is_python "$python" 99 &&
    [[ "$(cat "$stamp")" == "$(stamp_of "$python" "${lists[@]}")" ]]; then
    if [[ "$quiet" == no ]]; then say "Nothing to do: $prefix is up to date. Next: $next"; fi
    exit 0
fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
# Runs a command silently; shows everything it said if it fails.
quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        fail "this step failed: $*"
    fi
}

# The stamp says that an installation was completed, so it goes before the first change.
rm -f "$prefix"/rdx-setup*.stamp
if ! is_python "$python" 99; then
    if [[ -n "$(active_environment)" ]]; then
        fail "the active environment $prefix has no Python 3.11 or newer; deactivate it, or activate another"
    fi
    base_python="$(find_python)"
    say "Creating .venv with $("$base_python" --version)"
    quietly "$base_python" -m venv --clear "$prefix"
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    quietly "$python" -m ensurepip
fi

extra=()
if ! has_pinned "$python" torch; then
    index="$(torch_index "$python")"
    if [[ -n "$index" ]]; then
        extra=(--extra-index-url "$index")
        say "Taking torch from $index"
    fi
fi
wanted=()
for list in "${lists[@]}"; do wanted+=(-r "$project_root/$list"); done
packages="$(cd "$project_root" && cat "${lists[@]}" | grep -c ==)"
# An empty list counts as unset for the bash of macOS, hence the odd expansion.
size="$(download_size "$python" ${extra[@]+"${extra[@]}"})"
say "Installing $packages packages into $prefix ($size; may take some minutes)"
# Python compiles a module when it is first imported, and most never are: compiling all of them takes longer than unpacking
# them. Where it may not write what it compiles, every start would do it again.
compile=--no-compile
if [[ -n "${PYTHONDONTWRITEBYTECODE:-}" ]]; then compile=--compile; fi
pip=("$python" -m pip install --disable-pip-version-check --no-input "$compile")
quietly "${pip[@]}" ${extra[@]+"${extra[@]}"} "${wanted[@]}"
say "Installing RDX itself"
quietly "${pip[@]}" --no-deps --no-build-isolation -e "$project_root"
quietly "$python" -c 'from rdx._torchvision import ensure_torchvision; ensure_torchvision()'

if [[ "${#lists[@]}" -gt 1 ]]; then
    stamp_of "$python" "${lists[@]}" >"$stamp"
fi
stamp_of "$python" requirements.txt >"$prefix/rdx-setup.stamp.new"
mv "$prefix/rdx-setup.stamp.new" "$prefix/rdx-setup.stamp"
say "Ready. Next: $next"
