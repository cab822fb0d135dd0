"""TopK sparse autoencoder (Gao et al., "Scaling and evaluating sparse autoencoders", 2024).

codes = the k largest of ReLU(x W_enc + b_enc), x̂ = codes W_dec with unit-norm rows and no bias; loss = mean
squared error, no auxiliary term. The encoder starts as the decoder's transpose, as in that paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.dictionary_learning import (
    DictionaryLearner,
    concepts_of,
    keep_strongest,
    tensor,
    train,
    unit_rows_,
)
from rdx.compute.devices import resolve_device
from rdx.errors import InputError, check_number, check_whole
from rdx.method.concepts import Explanations

if TYPE_CHECKING:
    import torch


@dataclass(repr=False, eq=False)
class TopKSAE(DictionaryLearner):
    """``n_latents`` latents of which k are active per item, trained with Adam on the features as they are.

    The concepts are the k latents with the largest mean activation, the strongest first; choosing them
    so is the RDX paper's adaptation. Coefficients U (n, n_latents) are the codes, at most k of them
    above 0 per item; the dictionary (n_latents, d) has unit-norm rows.
    """

    n_latents: int = 50  # rows of the dictionary, of which k are active for an item
    epochs: int = 200  # passes over all items
    batch_size: int = 1024  # items a step
    learning_rate: float = 5e-4  # of Adam
    clip: float = 1.0  # largest norm of the gradient
    device: str = "auto"

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("n_latents", self.n_latents, 1)
        check_number("clip", self.clip, above=0.0)
        if self.n_latents < self.n_clusters:
            raise InputError(f"n_latents: {self.n_clusters} concepts need at least as many, got {self.n_latents}")

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        import torch

        x = tensor(X, resolve_device(self.device))
        generator = torch.Generator().manual_seed(int(rng.randint(2**31)))
        w_dec = torch.randn(self.n_latents, x.shape[1], generator=generator).to(x.device)
        unit_rows_(w_dec)
        w_enc, b_enc = w_dec.T.clone(), torch.zeros(self.n_latents, device=x.device)
        weights = [w.requires_grad_() for w in (w_enc, b_enc, w_dec)]
        optimizer = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)

        def encode(items: torch.Tensor) -> torch.Tensor:
            codes = torch.relu(items @ w_enc + b_enc)
            return codes * keep_strongest(codes, self.n_clusters)

        def step(batches: list[torch.Tensor], number: int) -> torch.Tensor:
            unit_rows_(w_dec)
            loss = (encode(batches[0]) @ w_dec - batches[0]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, self.clip)
            optimizer.step()
            return loss.detach()[None]

        loss = train(
            [x], step, ("loss",), epochs=self.epochs, batch_size=self.batch_size,
            generator=generator, title=f"topk_sae {direction}", progress=self.progress,
        )  # fmt: skip
        with torch.no_grad():
            unit_rows_(w_dec)
            codes = encode(x)
            residual = x - codes @ w_dec
        mean = codes.cpu().numpy().mean(axis=0, dtype=np.float64)
        shown = np.argsort(-mean, kind="stable")[: self.n_clusters]
        dead = int((mean == 0).sum())
        return concepts_of(
            self, direction, codes, w_dec.detach(), residual, loss=loss, shown=shown[mean[shown] > 0],
            reason="the other latents are dead (no item activates them)",
            notes=[f"{dead} of {self.n_latents} latents are dead (no item activates them)"] if dead else [],
        )  # fmt: skip
