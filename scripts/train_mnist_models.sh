#!/usr/bin/env bash
# Trains the MNIST convnets that are not there yet: all eight, or those named (mnist_835, mnist_m35, ...).
#   bash scripts/train_mnist_models.sh [NAME...] [options of `rdx train`]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
set_up
cd "$project_root"
# shellcheck source=scripts/mnist_digits.sh
source scripts/mnist_digits.sh

configs=()
while [[ $# -gt 0 && "$1" != -* ]]; do
    configs+=("configs/train/$1.yaml")
    shift
done
if [[ ${#configs[@]} -eq 0 ]]; then
    configs=(configs/train/mnist_*.yaml)
fi
exec "$RDX_PYTHON" -m rdx train "${configs[@]}" ${digits[@]+"${digits[@]}"} "$@"
