#!/usr/bin/env bash
# Fetches the paper's checkpoints: its MNIST convnets, converted to safetensors, into checkpoints/paper, and
# what the CUB experiment compares into checkpoints/post-hoc-cbm. Models you have trained are left alone. Does
# nothing if already downloaded. --help lists the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download checkpoints "$@"
