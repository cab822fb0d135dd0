#!/usr/bin/env bash
# RSNA pneumonia: BiomedCLIP from layer to layer, 15 representations and 14 comparisons.
#   bash scripts/rsna_biomedclip.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
exec "$RDX_PYTHON" -m rdx run configs/rsna_biomedclip/layers.yaml "$@"
