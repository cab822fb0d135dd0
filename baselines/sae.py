"""Sparse autoencoder with an L1 penalty, one latent per concept, on z-scored features.

codes = ReLU((x − b_dec) W_enc + b_enc), x̂ = codes W_dec + b_dec; loss = mean squared error over all entries
+ λ · mean over items of the sum of an item's codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.dictionary_learning import (
    DictionaryLearner,
    concepts_of,
    set_rate,
    tensor,
    train,
    uniform,
    unit_rows_,
)
from rdx.compute.devices import resolve_device
from rdx.errors import check_number
from rdx.method.concepts import Explanations

if TYPE_CHECKING:
    import torch

WARM_UP = 10  # steps in which the learning rate rises linearly to its value


@dataclass(repr=False, eq=False)
class SAE(DictionaryLearner):
    """k latents trained with Adam; all that any item activates are concepts, in their order.

    ``penalty`` is λ. Features are z-scored, constant ones become 0. Coefficients U (n, k) are the codes;
    the dictionary (k, d), of unit-norm rows, and the reconstruction error are those of z-scored features.
    """

    epochs: int = 500  # passes over all items
    batch_size: int = 2000  # items a step
    learning_rate: float = 1e-3  # of Adam
    penalty: float = 4e-4  # λ, the weight of the codes' sum in the loss
    device: str = "auto"

    def check_settings(self) -> None:
        super().check_settings()
        check_number("penalty", self.penalty, least=0.0)

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        import torch

        standard, constant = standardize(X)
        x, k = tensor(standard, resolve_device(self.device)), self.n_clusters
        generator = torch.Generator().manual_seed(int(rng.randint(2**31)))
        device, d = x.device, x.shape[1]
        w_enc = uniform((d, k), (6 / d) ** 0.5, generator, device)  # Kaiming for ReLU: √(6 / inputs)
        w_dec = uniform((k, d), (6 / k) ** 0.5, generator, device)
        b_enc, b_dec = torch.zeros(k, device=device), x.mean(dim=0)
        weights = [w.requires_grad_() for w in (w_enc, b_enc, w_dec, b_dec)]
        optimizer = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)

        def encode(items: torch.Tensor) -> torch.Tensor:
            return torch.relu((items - b_dec) @ w_enc + b_enc)

        def step(batches: list[torch.Tensor], number: int) -> torch.Tensor:
            unit_rows_(w_dec)
            codes = encode(batches[0])
            squared = (codes @ w_dec + b_dec - batches[0]).square().mean()
            sparsity = codes.sum(dim=1).mean()
            loss = squared + self.penalty * sparsity
            optimizer.zero_grad()
            loss.backward()
            # A step along a row would only be undone by the next rescaling, yet enter Adam's moments.
            w_dec.grad -= (w_dec.grad * w_dec.detach()).sum(dim=1, keepdim=True) * w_dec.detach()
            set_rate(optimizer, self.learning_rate * min(1.0, (number + 1) / WARM_UP))
            optimizer.step()
            return torch.stack([loss, squared, sparsity]).detach()

        loss = train(
            [x], step, ("loss", "squared_error", "mean_code_sum"), epochs=self.epochs, batch_size=self.batch_size,
            generator=generator, title=f"sae {direction}", progress=self.progress,
        )  # fmt: skip
        with torch.no_grad():
            unit_rows_(w_dec)
            codes = encode(x)
            residual = x - codes @ w_dec - b_dec
        return concepts_of(
            self, direction, codes, w_dec.detach(), residual, loss=loss,
            shown=np.flatnonzero((codes > 0).any(dim=0).cpu().numpy()),
            reason="the other latents are dead (no item activates them)",
            notes=[f"{constant} constant features were set to 0"] if constant else [],
        )  # fmt: skip


def standardize(X: np.ndarray) -> tuple[np.ndarray, int]:
    """Features (n, d) with mean 0 and variance 1, constant ones 0; and how many are constant."""
    values = X.astype(np.float64)
    # Taking off an item first leaves exact zeros where all are equal, whatever the mean rounds to.
    values -= values[0].copy()
    constant = ~values.any(axis=0)
    values -= values.mean(axis=0)
    deviation = values.std(axis=0)
    values /= np.where(constant | (deviation == 0), 1.0, deviation)
    return values, int(constant.sum())
