#!/usr/bin/env bash
# From nothing to a first comparison: trains two small convnets on real digits, one of which was never told
# 3 from 5, and shows what each of them holds together that the other does not. Needs no download but the set-up.
#   bash scripts/quickstart.sh [OUTPUT_DIR]        (default outputs/quickstart)
#   bash scripts/quickstart.sh --dry-run           what it would do
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
if is_dry_run "$@" && [[ $# == 1 ]]; then
    set_up
    cd "$project_root"
    "$RDX_PYTHON" -m rdx train configs/quickstart/train_m35.yaml configs/quickstart/train_expert.yaml --dry-run
    exec "$RDX_PYTHON" -m rdx run configs/quickstart/compare.yaml --dry-run
fi
if [[ $# -gt 1 || "${1:-}" == -* ]]; then
    printf 'usage: bash scripts/quickstart.sh [OUTPUT_DIR | --dry-run]\n' >&2
    exit 2
fi
output="${1:-$project_root/outputs/quickstart}"
if [[ "$output" != /* ]]; then output="$PWD/$output"; fi
set_up
cd "$project_root"

say "Training two convnets on 1,438 digits (a few seconds each; kept in checkpoints/)"
"$RDX_PYTHON" -m rdx train configs/quickstart/train_m35.yaml configs/quickstart/train_expert.yaml --quiet
say "Comparing them"
"$RDX_PYTHON" -m rdx run configs/quickstart/compare.yaml --output-dir "$output" --quiet
if ! grep -q '^rdx,a_not_b,1,True' "$output/a_vs_b/known_difference.csv"; then
    fail "the strongest concept of rdx, a_not_b, should mix 3s and 5s, and does not"
fi
say "Look at: $output/a_vs_b/explorer.html (in a browser) and $output/a_vs_b/rdx/summary_a_not_b.png"
