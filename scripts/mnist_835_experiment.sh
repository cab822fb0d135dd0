#!/usr/bin/env bash
# MNIST-835: one convnet when it first reaches 95 % against the same one at the end of its training.
#   bash scripts/mnist_835_experiment.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
training=(mnist_835)
if is_dry_run "$@"; then training+=(--dry-run); fi
bash scripts/train_mnist_models.sh "${training[@]}"
set_up
# shellcheck source=scripts/mnist_digits.sh
source scripts/mnist_digits.sh
exec "$RDX_PYTHON" -m rdx run configs/mnist_835/strong_vs_expert.yaml ${digits[@]+"${digits[@]}"} "$@"
