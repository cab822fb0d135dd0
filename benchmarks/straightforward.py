"""RDX as one would first write it, the data that it is timed on, and the machine: shared by the benchmarks."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np

K, GAMMA, BETA, DIMENSION = 5, 0.1, 5.0, 256


def representations(n: int, d: int = DIMENSION) -> tuple[np.ndarray, np.ndarray]:
    """A mixture of ten classes in A; B is a noisy copy in which three pairs of classes are merged."""
    rng = np.random.default_rng(0)
    centres = 1.5 * rng.normal(size=(10, d))
    merged = centres.copy()
    merged[[1, 3, 5]] = merged[[0, 2, 4]]
    label = rng.integers(0, 10, n)
    noise = rng.normal(size=(n, d))
    a = noise + centres[label]
    b = noise + 0.3 * rng.normal(size=noise.shape) + merged[label]
    return a.astype(np.float32), b.astype(np.float32)


def straightforward(a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """The pipeline as one would first write it; v1's labels of both directions."""
    import torch
    from sklearn.cluster import SpectralClustering

    ranks = []
    for x in (a, b):
        x = torch.as_tensor(x)
        ranks.append(torch.cdist(x, x).argsort(dim=1).argsort(dim=1).double())
    difference = torch.tanh(GAMMA * (ranks[0] - ranks[1]) / (torch.minimum(*ranks) + 1))
    labels = []
    for signed in (difference, -difference):
        affinity = torch.exp(-BETA * signed).numpy()
        model = SpectralClustering(K + 1, affinity="precomputed", random_state=0)
        labels.append(model.fit_predict((affinity + affinity.T) / 2))
    return labels


def hardware() -> str:
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0] if models else name
    return f"{os.cpu_count()} cores, {name}"
