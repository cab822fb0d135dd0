#!/usr/bin/env bash
# iNaturalist, aligned, RDX v2 guided by a probe's right and wrong predictions.
#   bash scripts/clip_vs_clipinat_inat_ar_guided.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
exec "$RDX_PYTHON" -m rdx run configs/clip_vs_clipinat_inat_ar_guided/*.yaml "$@"
