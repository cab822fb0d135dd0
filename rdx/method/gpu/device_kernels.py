"""Two CUDA kernels, compiled by Numba, for what torch's operations do in many passes over a tile.

`draw` classes a tile's pairs and draws among them in one pass over the distances; `count` makes histograms of
rows in the fast memory of a multiprocessor, where additions from many threads do not wait for the GPU's own
memory. Both do in whole numbers and comparisons what ``device_choice`` and ``device_counting`` do with torch:
the results are the same, these are faster. Without a Numba that can compile for the GPU torch does it.
"""

from __future__ import annotations

import functools
import warnings

import torch
from numba import cuda, float64, int32, int64

from rdx.method.many.pair_choice import CLASSES

WIDTH = 2047  # edges of one histogram: with their bins they fill 32 of 48 KiB of a multiprocessor's memory
THREADS = 256
CHUNK = 1 << 16  # columns that a block works on
_BOUNDS, _TABLE, _BINS = CLASSES - 1, CLASSES * CLASSES, 2 * WIDTH + 1
_WORD = 0xFFFFFFFF
# Tiles of few items are no reason to warn.
warnings.filterwarnings("ignore", message=r".*Grid size \d+ will likely result in GPU under-utilization")


@functools.cache
def usable(device: torch.device) -> bool:
    """Whether Numba compiles for this GPU, and the kernels do there what torch does; tried once."""
    if device.type != "cuda":
        return False
    try:
        if agree_with_torch(device):
            return True
        reason = "results differ from torch's"
    except Exception as error:  # a missing compiler, a driver that is too old, …: each has its own error
        reason = str(error).strip().partition("\n")[0]
    warnings.warn(
        f"Numba's kernels do not work on {device} ({reason}): torch's own operations are used, several times slower. "
        f'For the kernels: pip install "numba-cuda[cu13]" (or cu12)', stacklevel=2
    )  # fmt: skip
    return False


def agree_with_torch(device: torch.device) -> bool:
    """Whether both kernels do with a small tile what torch's operations do."""

    def whole(most: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, most, shape, generator=generator).to(device)

    generator = torch.Generator().manual_seed(0)
    t, n = 3, 500
    squared = [whole(300, t, n).double() for _ in "ab"]
    edges, starts = torch.unique(whole(300, 40)).double(), torch.tensor([0], device=device)
    ends = torch.cat([starts, starts + len(edges)])
    bins = 2 * torch.searchsorted(edges, squared[0][0], right=True) - torch.isin(squared[0][0], edges).long()
    counted = torch.equal(histograms(squared[0], edges, ends, starts)[0].long(), torch.bincount(bins, minlength=_BINS))
    bounds = [whole(300, t, _BOUNDS).double().sort(dim=1).values for _ in "ab"]
    thresholds, keys = whole(1 << 32, _TABLE), whole(1 << 32, t, 2)
    in_a, in_b = (torch.searchsorted(each, one, right=True) for each, one in zip(bounds, squared, strict=True))
    x = (torch.arange(n, device=device) * 0x9E3779B1 + keys[:, :1]) & _WORD
    x = (((x ^ (x >> 16)) * 0x7FEB352D) & _WORD) ^ keys[:, 1:]
    x = ((x ^ (x >> 15)) * (0x846CA68B - (1 << 32))) & _WORD
    expected = (x ^ (x >> 16)) <= thresholds[in_a * CLASSES + in_b]
    return counted and torch.equal(drawn(squared, bounds, thresholds, keys), expected)


def drawn(
    squared: list[torch.Tensor], bounds: list[torch.Tensor], thresholds: torch.Tensor, keys: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Which pairs are drawn: (t, n) bool, from squared distances in A and in B, each (t, n).

    bounds: of the rank classes, (t, CLASSES − 1) each. thresholds (CLASSES²,) int64: by the class in A and in B, on
    the scale of 32-bit random numbers. keys (t, 2) int64: see ``pair_choice._keys``.
    """
    t, n = squared[0].shape
    taken = torch.empty((t, n), dtype=torch.uint8, device=keys.device)
    _launch(_draw, t, n, squared[0], squared[1], bounds[0], bounds[1], thresholds, keys, taken)
    return taken.view(torch.bool)


def histograms(
    squared: torch.Tensor, edges: torch.Tensor, starts: torch.Tensor, rows: torch.Tensor
) -> torch.Tensor:
    """How a row's distances lie to ascending edges: (s, 2 · WIDTH + 1) int32 for s histograms.

    Histogram i is of row rows[i] of ``squared`` (t, n) with edges[starts[i] : starts[i + 1]], at most WIDTH of them.
    Bin 2k counts what lies between edge k − 1 and edge k, bin 2k − 1 what equals edge k − 1.
    """
    counts = torch.zeros((len(rows), _BINS), dtype=torch.int32, device=squared.device)
    _launch(_count, len(rows), squared.shape[1], squared, edges, starts, rows, counts)
    return counts


def _launch(kernel, count: int, columns: int, *tensors: torch.Tensor) -> None:
    """A block for each of ``count`` rows or histograms and CHUNK of the columns, in order with torch's operations."""
    if not count:
        return
    device, blocks = tensors[0].device, (count, -(-columns // CHUNK))
    if device.type != "cuda":  # Numba's simulator, in tests
        kernel[blocks, 4](*(each.numpy() for each in tensors))
        return
    with cuda.gpus[device.index or 0], torch.cuda.device(device):
        pointer = torch.cuda.current_stream(device).cuda_stream
        stream = cuda.external_stream(pointer) if pointer else 0
        kernel[blocks, THREADS, stream](*(cuda.as_cuda_array(each.contiguous()) for each in tensors))


@cuda.jit
def _draw(a, b, bounds_a, bounds_b, thresholds, keys, taken):
    in_a = cuda.shared.array(_BOUNDS, float64)
    in_b = cuda.shared.array(_BOUNDS, float64)
    limits = cuda.shared.array(_TABLE, int64)
    row, begin, n = cuda.blockIdx.x, cuda.blockIdx.y * CHUNK, a.shape[1]
    for at in range(cuda.threadIdx.x, _TABLE, cuda.blockDim.x):
        limits[at] = thresholds[at]
    for at in range(cuda.threadIdx.x, _BOUNDS, cuda.blockDim.x):
        in_a[at], in_b[at] = bounds_a[row, at], bounds_b[row, at]
    cuda.syncthreads()
    first, second = keys[row, 0], keys[row, 1]
    for j in range(begin + cuda.threadIdx.x, min(n, begin + CHUNK), cuda.blockDim.x):
        of_a, of_b = 0, 0
        half = CLASSES >> 1
        while half:
            if in_a[of_a + half - 1] <= a[row, j]:
                of_a += half
            if in_b[of_b + half - 1] <= b[row, j]:
                of_b += half
            half >>= 1
        # pair_choice._random: 32 bits of a wider number, so that nothing depends on how types are widened.
        x = (j * 0x9E3779B1 + first) & _WORD
        x = (((x ^ (x >> 16)) * 0x7FEB352D) & _WORD) ^ second
        x = ((x ^ (x >> 15)) * (0x846CA68B - (1 << 32))) & _WORD  # the same lowest bits, and no product beyond 63
        taken[row, j] = (x ^ (x >> 16)) <= limits[of_a * CLASSES + of_b]


@cuda.jit
def _count(squared, edges, starts, rows, counts):
    inside = cuda.shared.array(WIDTH, float64)
    bins = cuda.shared.array(_BINS, int32)
    one, begin, n = cuda.blockIdx.x, cuda.blockIdx.y * CHUNK, squared.shape[1]
    row, start = rows[one], starts[one]
    width = starts[one + 1] - start
    for at in range(cuda.threadIdx.x, width, cuda.blockDim.x):
        inside[at] = edges[start + at]
    for at in range(cuda.threadIdx.x, 2 * width + 1, cuda.blockDim.x):
        bins[at] = 0
    cuda.syncthreads()
    for j in range(begin + cuda.threadIdx.x, min(n, begin + CHUNK), cuda.blockDim.x):
        value = squared[row, j]
        low, high = 0, width
        while low < high:
            middle = (low + high) >> 1
            if inside[middle] <= value:
                low = middle + 1
            else:
                high = middle
        at = 2 * low
        if low > 0 and inside[low - 1] == value:
            at -= 1
        cuda.atomic.add(bins, at, 1)
    cuda.syncthreads()
    for at in range(cuda.threadIdx.x, 2 * width + 1, cuda.blockDim.x):
        if bins[at] > 0:
            cuda.atomic.add(counts, (one, at), bins[at])
