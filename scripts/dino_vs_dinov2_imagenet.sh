#!/usr/bin/env bash
# ImageNet, unaligned: DINO against DINOv2 on four groups of three similar classes.
#   bash scripts/dino_vs_dinov2_imagenet.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
exec "$RDX_PYTHON" -m rdx run configs/dino_vs_dinov2_imagenet/*.yaml "$@"
