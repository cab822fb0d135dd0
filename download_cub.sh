#!/usr/bin/env bash
# Fetches CUB-200-2011 (1.2 GB) and the lists class_attr_data_10 into data/CUB_200_2011. Does nothing if already
# downloaded. --help lists the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download cub "$@"
