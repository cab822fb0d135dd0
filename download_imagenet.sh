#!/usr/bin/env bash
# ImageNet needs your own account: says which archives to put into data/imagenet, then checks and unpacks
# them. With --synsets LIST only some of the classes. Does nothing if already downloaded. --help lists the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download imagenet "$@"
