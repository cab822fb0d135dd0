#!/usr/bin/env bash
# iNaturalist, aligned, RDX v2: clusters below the affinity threshold are null.
#   bash scripts/clip_vs_clipinat_inat_ar_v2.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
exec "$RDX_PYTHON" -m rdx run configs/clip_vs_clipinat_inat_ar_v2/*.yaml "$@"
