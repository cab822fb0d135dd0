#!/usr/bin/env bash
# Pillow 13.0.0 (2026), TIFF files of 16 bits, on little-endian machines. Three valid files of the same ramp 0, 16, … 4080:
#   signed, big-endian, compressed (deflate, LZW): read without an error, every value with its two bytes exchanged
#       (0, 4096, 8192, … instead of 0, 16, 32, …); uncompressed, or little-endian, they are right
#   0 is white (WhiteIsZero), little-endian: read without an error and not inverted; the same with 8 bits is inverted
#   0 is white, big-endian, or signed: "cannot identify image file", though the same with 0 as black is read
# Written by tifffile 2026.3.3 with NumPy 2.4.6, on Python 3.11, Linux x86-64.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

RAMP = np.arange(256).reshape(16, 16) * 16


def read(kind, order, photometric, compression=None, values=RAMP):
    path = f"{sys.argv[1]}/ramp.tif"
    tifffile.imwrite(path, values.astype(kind), photometric=photometric, byteorder=order, compression=compression)
    assert np.array_equal(tifffile.imread(path), values), "the file itself should be right"
    try:
        return np.asarray(Image.open(path)).astype(int)
    except UnidentifiedImageError:
        return None


swapped = read(np.int16, ">", "minisblack", "zlib")
print("signed, big-endian, compressed:", swapped.ravel()[:4].tolist(), "instead of", RAMP.ravel()[:4].tolist())
white = read(np.uint16, "<", "miniswhite")
eight = read(np.uint8, "<", "miniswhite", values=RAMP // 16)
print("0 is white: 16 bits", white.ravel()[:3].tolist(), "8 bits", eight.ravel()[:3].tolist())
unknown = [read(np.uint16, ">", "miniswhite"), read(np.int16, "<", "miniswhite")]
print("0 is white, big-endian or signed:", ["not read" if one is None else "read" for one in unknown])
seen = {
    "bytes exchanged": np.array_equal(swapped, RAMP.astype(np.uint16).byteswap().astype(np.int16)),
    "right where it is not compressed": np.array_equal(read(np.int16, ">", "minisblack"), RAMP),
    "right where it is little-endian": np.array_equal(read(np.int16, "<", "minisblack", "zlib"), RAMP),
    "16 bits not inverted": np.array_equal(white, RAMP),
    "8 bits inverted": np.array_equal(eight, 255 - RAMP // 16),
    "others not read": unknown == [None, None],
}
if not all(seen.values()):
    sys.exit(f"changed: {[name for name, is_so in seen.items() if not is_so]}")
print("as described")
PY
