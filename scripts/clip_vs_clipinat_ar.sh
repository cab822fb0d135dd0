#!/usr/bin/env bash
# iNaturalist, aligned: CLIP against CLIP fine-tuned on iNaturalist, three groups of species.
#   bash scripts/clip_vs_clipinat_ar.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
exec "$RDX_PYTHON" -m rdx run configs/clip_vs_clipinat_ar/*.yaml "$@"
