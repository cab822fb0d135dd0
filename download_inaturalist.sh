#!/usr/bin/env bash
# Fetches the paper's subset of iNaturalist into data/inat_subset. Does nothing if already downloaded. --help lists
# the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download inaturalist "$@"
