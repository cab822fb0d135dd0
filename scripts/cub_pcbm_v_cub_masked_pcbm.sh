#!/usr/bin/env bash
# CUB: a concept-bottleneck representation without one concept against all of them, for five concepts. Takes the
# published projections where they are in checkpoints/post-hoc-cbm, and computes them otherwise.
#   bash scripts/cub_pcbm_v_cub_masked_pcbm.sh [--backbone SPEC] [options of `rdx run`: --output-dir, --set, ...]
#     --backbone SPEC   what to compute the projections with, in the place of timm:resnet18
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"

training=() options=()
while [[ $# -gt 0 ]]; do
    case "$1" in
        --backbone)
            if [[ $# -lt 2 ]]; then
                printf 'error: --backbone needs a model, for example timm:resnet50\n' >&2
                exit 2
            fi
            training+=(--set "model=$2" --set published=null)
            shift
            ;;
        --set)
            # The rows of the projections are the items of the run: both must see the same data.
            if [[ "${2:-}" == data.* ]]; then training+=(--set "$2"); fi
            options+=("$1" ${2+"$2"})
            [[ $# -eq 1 ]] || shift
            ;;
        --device)
            options+=("$1" ${2+"$2"})
            training+=("$1" ${2+"$2"})
            [[ $# -eq 1 ]] || shift
            ;;
        --set=data.* | --device=* | --dry-run | --quiet)
            training+=("$1")
            options+=("$1")
            ;;
        *) options+=("$1") ;;
    esac
    shift
done

set_up
"$RDX_PYTHON" -m rdx train configs/train/cub_pcbm.yaml ${training[@]+"${training[@]}"}
exec "$RDX_PYTHON" -m rdx run configs/cub_pcbm_v_cub_masked_pcbm/masked_vs_full.yaml ${options[@]+"${options[@]}"}
