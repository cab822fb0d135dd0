"""What the autoencoders share: batches, the training loop with its record, and concepts from their codes.

Field terms: an item's codes (one activation per latent) times the dictionary (one row per latent) give its
reconstruction. All items lie in one tensor on the device, and a batch is a slice of it after shuffling.
Small products on many threads mostly wait for each other (measured on two cores: 500 × 64 × 512 takes 0.6 ms
on one thread, 11 ms on two), so these methods run on one thread, which also fixes the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.base import Baseline, fewer, from_coefficients
from rdx.errors import InputError, check_number, check_whole
from rdx.method.concepts import Explanations

if TYPE_CHECKING:
    import torch  # where it is used, or plans of runs would wait for it

# float32 values of a latent at the peak: for an item of a batch in training, and for any item once all are encoded;
# allocators keep much of the first for the second.
BATCH_VALUES, ITEM_VALUES = 24, 4.5
WORKSPACE = 24e6  # bytes that PyTorch takes in any case


class DictionaryLearner(Baseline):
    """A baseline trained in batches; a subclass has the settings ``epochs``, ``batch_size``, ``learning_rate``."""

    least_batch = 1  # items
    side_by_side = True  # small products keep one core busy

    @classmethod
    def memory(cls, n: int, widths: Sequence[int], parameters: Mapping[str, Any]) -> float:
        """Encoders and dictionaries with gradients and two moments each, activations, and what any method holds."""
        latents = cls.latents(widths, parameters)
        values = BATCH_VALUES * min(n, parameters["batch_size"]) + ITEM_VALUES * n
        learnt = 4.0 * latents * (2 * 4 * sum(widths) + values)
        return learnt + WORKSPACE + super().memory(n, widths, parameters)

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("epochs", self.epochs, 1)
        check_whole("batch_size", self.batch_size, self.least_batch)
        check_number("learning_rate", self.learning_rate, above=0.0)

    def fit(self, A, B) -> Baseline:
        """Explains A (n, d_a) and B (n, d_b); errors as in ``Baseline.fit``."""
        import_module("torch")  # now, so that the limit to one thread reaches its threads
        return super().fit(A, B)


def slices(n: int, size: int) -> list[slice]:
    """Consecutive batches of ``size`` items; the last may be smaller, but never one item beside others.

    Batch normalisation has no variance for a single item: it joins the batch before it.
    """
    ends = list(range(size, n, size)) + [n]
    if size > 1 and len(ends) > 1 and ends[-1] - ends[-2] == 1:
        del ends[-2]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def tensor(X: np.ndarray, device: str) -> torch.Tensor:
    """An own float32 copy of X (n, d) on the device."""
    import torch

    return torch.tensor(np.asarray(X, dtype=np.float32), device=device)


def uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator, device: str) -> torch.Tensor:
    """A weight drawn from [−bound, bound) on the CPU, so that every device starts alike."""
    import torch

    return torch.empty(shape).uniform_(-bound, bound, generator=generator).to(device)


def unit_rows_(dictionary: torch.Tensor) -> None:
    """Scales each row of (latents, d) to length 1, in place."""
    import torch

    with torch.no_grad():
        dictionary /= dictionary.norm(dim=1, keepdim=True).clamp_min(torch.finfo(dictionary.dtype).tiny)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def keep_strongest(codes: torch.Tensor, count: int) -> torch.Tensor:
    """The mask (n, latents) of each item's ``count`` largest codes (n, latents)."""
    import torch

    kept = codes.detach().topk(count, dim=1, sorted=False).indices
    return torch.zeros_like(codes, dtype=torch.bool).scatter_(1, kept, True)


def train(
    data: Sequence[torch.Tensor],
    step: Callable[[list[torch.Tensor], int], torch.Tensor],
    columns: Sequence[str],
    *,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    title: str,
    progress: bool,
) -> dict[str, list[float]]:
    """Calls ``step(batches, number)`` for every batch of every epoch; returns each epoch's mean losses.

    ``data``: tensors (n, …) of the same items, shuffled together before each epoch. A step returns the
    batch's losses, a detached tensor (len(columns),) that stays on the device.
    """
    import torch
    from tqdm import tqdm

    n, device = len(data[0]), data[0].device
    parts = slices(n, batch_size)
    number = 0
    record = torch.zeros(epochs, len(columns), device=device)
    with tqdm(range(epochs), desc=title, unit="epoch", disable=not progress, leave=False) as bar:
        for epoch in bar:
            order = torch.randperm(n, generator=generator).to(device)
            shuffled = [values[order] for values in data]
            for part in parts:
                losses = step([values[part] for values in shuffled], number)
                record[epoch] += losses * ((part.stop - part.start) / n)
                number += 1
            if progress:
                bar.set_postfix(loss=f"{float(record[epoch, 0]):.4g}", refresh=False)
    return dict(zip(columns, record.T.tolist(), strict=True))


def concepts_of(
    method: Baseline,
    direction: str,
    codes: torch.Tensor,
    dictionary: torch.Tensor,
    residual: torch.Tensor,
    *,
    shown: np.ndarray,
    reason: str,
    loss: dict[str, list[float]],
    notes: Sequence[str] = (),
) -> Explanations:
    """The concepts that the latents ``shown`` make, from codes (n, latents) and dictionary (latents, d).

    ``reason`` says why there are fewer than asked for. Raises InputError where training has diverged.
    """
    import torch

    if not (torch.isfinite(codes).all() and torch.isfinite(residual).all()):
        raise InputError(
            f"{type(method).__name__}: training diverged ({direction}): scale the features down or lower learning_rate"
        )
    U, m = codes.cpu().numpy(), method.images_per_concept
    active = (U[:, shown] > 0).sum(axis=0)
    thin = [
        f"concept {number} is active on {count} items only: the rest of its grid are items without it"
        for number, count in enumerate(active, start=1)
        if count < min(m, len(U))
    ]
    return from_coefficients(
        direction,
        U,
        dictionary.cpu().numpy(),
        m,
        shown=shown,
        reconstruction_error=float(np.linalg.norm(residual.cpu().numpy().astype(np.float64))),
        loss=loss,
        notes=[*notes, *fewer(len(shown), method.n_clusters, reason), *thin],
    )
