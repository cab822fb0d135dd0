#!/usr/bin/env bash
# The X-rays of the RSNA pneumonia challenge need your own Kaggle account: says what to put into data/rsna,
# then unpacks and checks it. Does nothing if already downloaded. --help lists the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download rsna "$@"
