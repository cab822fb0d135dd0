"""Universal sparse autoencoder (Thasarathan et al., "Universal Sparse Autoencoders", ICML 2025).

One TopK autoencoder per model with a shared code. Each step picks a model at random, encodes the batch with it
(linear, batch norm, ReLU, the strongest latents stay) and decodes the codes with every model's dictionary:

    loss = Σ over models of mean |x − x̂| + 0.1 · Σ over models of mean |(x − x̂) − ê|

ê rebuilds what is left over from the strongest half of the latents that were not chosen. Only the encoding
model takes the step. A concept of A is a latent that fires for A and hardly for B (low firing entropy); this
choice is the RDX paper's adaptation.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.dictionary_learning import (
    DictionaryLearner,
    concepts_of,
    keep_strongest,
    set_rate,
    slices,
    tensor,
    train,
    uniform,
)
from rdx.compute.devices import resolve_device
from rdx.compute.threads import one_thread_each
from rdx.errors import check_number, check_whole
from rdx.method.concepts import A_NOT_B, B_NOT_A, Explanations

if TYPE_CHECKING:
    import torch

LATENTS_PER_FEATURE = 8
LEAST_RATE = 1e-6  # where the learning rate starts and ends
WEIGHT_DECAY = 1e-5
AUXILIARY = 0.1
FIRES = 0.1  # an item with a larger activation counts as one on which the latent fires
SMALL_WORK = 2e8  # items of a batch · d · latents below which one thread is used


@dataclass
class Coder:
    """One model's encoder and dictionary over the shared latents L."""

    weight: torch.Tensor  # (d, L); a bias before batch norm would have no effect
    gain: torch.Tensor  # (L,)
    offset: torch.Tensor  # (L,)
    dictionary: torch.Tensor  # (L, d), of rows of any length: a latent that a model lacks shrinks to 0
    mean: torch.Tensor  # (L,) running statistics of batch norm, for encoding after training
    variance: torch.Tensor  # (L,)

    @classmethod
    def start(cls, d: int, latents: int, generator: torch.Generator, device: torch.device) -> Coder:
        import torch

        weight = uniform((d, latents), d**-0.5, generator, device)  # PyTorch's default for a linear layer
        dictionary = torch.randn(latents, d, generator=generator)
        dictionary = (dictionary / dictionary.norm(dim=1, keepdim=True)).to(device)
        ones, zeros = (torch.full((latents,), value, device=device) for value in (1.0, 0.0))
        coder = cls(weight, ones.clone(), zeros.clone(), dictionary, zeros, ones)
        for w in coder.weights:
            w.requires_grad_()
        return coder

    @property
    def weights(self) -> list[torch.Tensor]:
        return [self.weight, self.gain, self.offset, self.dictionary]

    def activations(self, x: torch.Tensor, training: bool) -> torch.Tensor:
        """All latents' activations (n, L) of items (n, d), before the strongest are chosen."""
        import torch
        from torch.nn import functional

        h = functional.batch_norm(x @ self.weight, self.mean, self.variance, self.gain, self.offset, training)
        return torch.relu(h)


@dataclass(repr=False, eq=False)
class USAE(DictionaryLearner):
    """8 · max(d_a, d_b) latents, the strongest ``active`` per item, trained with one AdamW per model.

    The learning rate rises over the first epoch and falls along a cosine. Coefficients are A's codes for
    ``a_not_b_`` and B's for ``b_not_a_``, (n, latents), with the latents shown first; the dictionaries
    are the models' own. In the latents' own order: ``firing_entropy_`` (latents,) and ``firing_counts_``
    (2, latents); ``shown_latents_`` has each direction's.
    """

    least_batch = 2  # batch norm has no variance for a single item

    active: int = 32  # latents that stay, of each item
    epochs: int = 2000  # passes over all items
    batch_size: int = 500  # items a step
    learning_rate: float = 5e-4  # of AdamW, at its highest
    clip: float = 1.0  # largest norm of the gradient
    device: str = "auto"

    @classmethod
    def latents(cls, widths: Sequence[int], parameters: Mapping[str, Any]) -> int:
        return LATENTS_PER_FEATURE * max(widths)

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("active", self.active, 1)
        check_number("learning_rate", self.learning_rate, least=LEAST_RATE)
        check_number("clip", self.clip, above=0.0)

    def fit(self, A, B) -> USAE:
        """Explains A (n, d_a) and B (n, d_b) together; errors as in ``Baseline.fit``."""
        sides = self.check_inputs(A, B)
        device = resolve_device(self.device)
        data = [tensor(X, device) for X in sides.values()]
        widths = [x.shape[1] for x in data]
        widest, latents = max(widths), self.latents(widths, self.get_params())
        small = min(self.batch_size, len(data[0])) * widest * latents < SMALL_WORK
        with one_thread_each() if small else contextlib.nullcontext():
            coders, loss = self._train(data, latents)
            self._explain(data, coders, loss)
        return self

    def _train(self, data: list[torch.Tensor], latents: int) -> tuple[list[Coder], dict[str, list[float]]]:
        import torch

        generator = torch.Generator().manual_seed(self.random_state)
        coders = [Coder.start(x.shape[1], latents, generator, x.device) for x in data]
        optimizers = [
            torch.optim.AdamW(c.weights, lr=self.learning_rate, weight_decay=WEIGHT_DECAY, fused=True) for c in coders
        ]
        per_epoch = len(slices(len(data[0]), self.batch_size))
        total = per_epoch * self.epochs
        picks = torch.randint(len(data), (total,), generator=generator).tolist()

        def step(batches: list[torch.Tensor], number: int) -> torch.Tensor:
            picked = picks[number]
            rebuilt, auxiliary = losses(batches, coders, picked, self.active)
            loss = rebuilt + AUXILIARY * auxiliary
            optimizers[picked].zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(coders[picked].weights, self.clip)
            set_rate(optimizers[picked], rate(number, per_epoch, total, self.learning_rate))
            optimizers[picked].step()
            return torch.stack([loss, rebuilt, auxiliary]).detach()

        columns = ("loss", "absolute_error", "auxiliary_error")
        loss = train(
            data, step, columns, epochs=self.epochs, batch_size=self.batch_size,
            generator=generator, title="usae", progress=self.progress,
        )  # fmt: skip
        return coders, loss

    def _explain(self, data: list[torch.Tensor], coders: list[Coder], loss: dict[str, list[float]]) -> None:
        import torch

        codes = []
        with torch.no_grad():  # of all items at once, nothing is kept for gradients
            for x, coder in zip(data, coders, strict=True):
                active = coder.activations(x, training=False)
                codes.append(active * keep_strongest(active, min(self.active, active.shape[1])))
        entropy, counts = firing_entropy([c.cpu().numpy() for c in codes])
        n, latents = codes[0].shape
        steps = self.epochs * len(slices(n, self.batch_size))
        notes = [f"trained in {steps:,} steps with {latents} latents"]
        if latents <= self.active:
            notes.append(f"there are only {latents} latents, so all may be active at once instead of {self.active}")
        self.firing_entropy_, self.firing_counts_ = entropy, counts
        self.shown_latents_ = {
            direction: specific_latents(entropy, counts, side)[: self.n_clusters]
            for side, direction in enumerate((A_NOT_B, B_NOT_A))
        }

        def side_concepts(side: int, direction: str, own: str, other: str) -> Explanations:
            dictionary = coders[side].dictionary.detach()
            return concepts_of(
                self, direction, codes[side], dictionary, data[side] - codes[side] @ dictionary,
                shown=self.shown_latents_[direction], loss=loss, notes=notes,
                reason=f"no other latent fires on more items of {own} than of {other}",
            )  # fmt: skip

        self.a_not_b_ = side_concepts(0, A_NOT_B, "A", "B")
        self.b_not_a_ = side_concepts(1, B_NOT_A, "B", "A")


def losses(
    batches: list[torch.Tensor], coders: list[Coder], picked: int, active: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The reconstruction and auxiliary losses of all models, from the codes of the model ``picked``."""
    codes = coders[picked].activations(batches[picked], training=True)
    latents = codes.shape[1]
    chosen = keep_strongest(codes, min(active, latents))
    others = keep_strongest(codes.detach().masked_fill(chosen, 0.0), latents // 2)
    spare = codes * (others & ~chosen)
    codes = codes * chosen
    rebuilt = auxiliary = 0.0
    for model, (x, coder) in enumerate(zip(batches, coders, strict=True)):
        # Only the picked model takes the step: the others' dictionaries need no gradient.
        dictionary = coder.dictionary if model == picked else coder.dictionary.detach()
        residual = x - codes @ dictionary
        rebuilt = rebuilt + residual.abs().mean()
        auxiliary = auxiliary + (residual - spare @ dictionary).abs().mean()
    return rebuilt, auxiliary


def rate(number: int, warm: int, total: int, highest: float) -> float:
    """The learning rate of a step: linear over the first ``warm``, then a cosine down to ``LEAST_RATE``."""
    if number < warm:
        return LEAST_RATE + (highest - LEAST_RATE) * number / warm
    done = (number - warm) / max(1, total - warm)
    return LEAST_RATE + (highest - LEAST_RATE) * (1 + math.cos(math.pi * done)) / 2


def firing_entropy(codes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """How evenly each latent fires over the models, and on how many items (models, latents) it fires.

    ``codes``: one array (n, latents) per model. With p = a latent's counts over their sum, the entropy is
    −Σ p log2 p / log2(models): 0 for one model only, 1 for all alike, NaN for a dead latent.
    """
    counts = np.stack([(c > FIRES).sum(axis=0) for c in codes])
    with np.errstate(invalid="ignore", divide="ignore"):
        p = counts / counts.sum(axis=0)
        terms = np.where(p > 0, p * np.log2(p), p)  # 0 · log 0 = 0; NaN stays
    return np.abs(terms.sum(axis=0)) / np.log2(len(codes)), counts


def specific_latents(entropy: np.ndarray, counts: np.ndarray, side: int) -> np.ndarray:
    """The latents that fire for one of two models more than for the other, the most specific first.

    Ties go to the one that fires on more items, then to the lower index; dead latents are out.
    """
    order = np.lexsort((-counts.sum(axis=0), entropy))  # NaN, the dead, come last
    return order[counts[side][order] > counts[1 - side][order]]
