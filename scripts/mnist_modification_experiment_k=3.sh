#!/usr/bin/env bash
# The five MNIST modification comparisons: pairs of convnets with a known difference.
#   bash "scripts/mnist_modification_experiment_k=3.sh" [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
if [[ " $* " != *" --dry-run "* ]]; then
    bash scripts/train_mnist_models.sh mnist_{expert,m35,m49,hflip,hflip_nl,vflip,vflip_nl}
fi
set_up
# shellcheck source=scripts/mnist_digits.sh
source scripts/mnist_digits.sh
exec "$RDX_PYTHON" -m rdx run configs/mnist_modification/*.yaml ${digits[@]+"${digits[@]}"} "$@"
