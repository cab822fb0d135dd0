#!/usr/bin/env bash
# The five MNIST modification comparisons: pairs of convnets with a known difference.
#   bash "scripts/mnist_modification_experiment_k=3.sh" [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
training=(mnist_{expert,m35,m49,hflip,hflip_nl,vflip,vflip_nl})
if is_dry_run "$@"; then training+=(--dry-run); fi
bash scripts/train_mnist_models.sh "${training[@]}"
set_up
# shellcheck source=scripts/mnist_digits.sh
source scripts/mnist_digits.sh
exec "$RDX_PYTHON" -m rdx run configs/mnist_modification/*.yaml ${digits[@]+"${digits[@]}"} "$@"
