"""Alignment: a linear map that removes the differences which a linear map can undo.

``cka`` maximises the debiased linear CKA between map(X) and Y by gradient steps (the paper);
``ridge`` is ridge regression from X to Y, a closed form. An orthogonal map would change no distance.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from rdx.compute.devices import resolve_device
from rdx.compute.progress import progress_bar
from rdx.compute.threads import map_ordered, one_thread_each
from rdx.errors import InputError, unknown
from rdx.method.cka import debiased_cka
from rdx.method.neighborhoods import as_array

KINDS = ("cka", "ridge")
STARTS = ("identity", "random")
LEAST_ITEMS = 14  # the held-out 30 % must leave the four items that debiased CKA needs
TRAIN_SHARE = 0.7
LEARNING_RATE = 1e-3
STEPS = 1000  # ours, with early stopping; the paper takes 100 from a random start
PATIENCE = 100  # steps without a better held-out loss
SMALL_WORK = 2e9  # n · d · d below which one thread is used: the same bytes on every machine
SMALL_MAP = 1 << 22  # d · d up to which two maps are learnt at once
MOST = 1e30  # weights are float32: what features may reach, fall below its inverse, and differ by in scale
RIDGE_PENALTIES = 10.0 ** np.arange(-6, 3)  # relative to the mean squared feature times the items


@dataclass(frozen=True)
class LinearMap:
    """x ↦ x @ weight + bias, with how it was learnt: columns of numbers by name."""

    weight: np.ndarray  # (d_x, d_out)
    bias: np.ndarray  # (d_out,)
    history: dict[str, list[float]]

    def apply(self, X) -> np.ndarray:
        """Maps features (n, d_x) to (n, d_out), float32."""
        X = np.asarray(X, dtype=np.float64)
        return (X @ self.weight.astype(np.float64) + self.bias).astype(np.float32)

    @property
    def held_out_loss(self) -> float:
        """1 − debiased CKA on the held-out items, of the weights that were kept."""
        return min(self.history["held_out_loss"])


def learn_maps(A, B, kind: str = "cka", **settings) -> tuple[LinearMap, LinearMap]:
    """The maps A → B and B → A, as `learn_map` learns each; small ones by gradient steps at once, on a thread each."""
    A, B = as_array(A, "A"), as_array(B, "B")
    threads = 1
    if kind == "cka" and _is_small(A, B) and max(A.shape[1], B.shape[1]) ** 2 <= SMALL_MAP:
        import_module("torch")  # now, so that one thread each reaches its threads
        threads = None
    a_to_b, b_to_a = map_ordered(
        lambda pair: learn_map(*pair, kind, **settings), ((A, B), (B, A)), threads=threads
    )  # fmt: skip
    return a_to_b, b_to_a


def _is_small(X: np.ndarray, Y: np.ndarray) -> bool:
    return len(X) * X.shape[1] * max(X.shape[1], Y.shape[1]) < SMALL_WORK


def learn_map(
    X, Y, kind: str = "cka", *, steps: int | None = None, start: str = "identity", random_state: int = 0,
    device: str = "cpu", progress: bool = False,
) -> LinearMap:  # fmt: skip
    """Learns the map from X (n, d_x) towards Y (n, d_y) on 70 % of the items, judged on the others.

    ``cka``: one layer d_x → d_x, loss 1 − debiased CKA, Adam at 1e-3, full batches; the weights with
    the best held-out loss are kept. ``steps=100, start="random"`` is the paper's setting; otherwise
    it starts at the identity and stops early. ``ridge``: d_x → d_y, the penalty with the best
    held-out loss, fitted again on all items.
    """
    if kind not in KINDS:
        raise unknown("alignment", kind, KINDS)
    if start not in STARTS:
        raise unknown("align_start", start, STARTS)
    X, Y = as_array(X, "X"), as_array(Y, "Y")
    train, held_out = check_alignable({"X": X, "Y": Y}, random_state)
    if kind == "ridge":
        return _ridge(X, Y, train, held_out)
    import_module("torch")  # now, so that the limit below reaches its threads
    # Threads that wait for each other cost more than small products do: ten times on a busy machine.
    with one_thread_each() if _is_small(X, Y) else nullcontext():
        return _cka(X, Y, train, held_out, steps, start, random_state, device, progress)


def check_alignable(given: dict[str, np.ndarray], random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to learn from and those to judge by, ascending; ``given`` are both arrays (n, d) by name.

    Raises InputError for different or too few rows, scales whose weights float32 cannot hold, and where all
    rows to learn from, or all to judge by, are equal.
    """
    (name_x, X), (name_y, Y) = given.items()
    if len(X) != len(Y):
        raise InputError(f"alignment: {name_x} has {len(X)} items, {name_y} has {len(Y)}")
    if len(X) < LEAST_ITEMS:
        raise InputError(f"alignment needs at least {LEAST_ITEMS} items, got {len(X)}")
    shuffled = np.random.default_rng(random_state).permutation(len(X))
    cut = round(TRAIN_SHARE * len(X))
    parts = np.sort(shuffled[:cut]), np.sort(shuffled[cut:])
    largest = {name: float(np.abs(array).max()) for name, array in given.items()}
    for name, array in given.items():
        if not 1 / MOST <= largest[name] <= MOST:
            row = int(np.abs(array).max(axis=1).argmax())
            raise InputError(
                f"alignment: the largest value of {name} is {largest[name]:.0e} (row {row}): scale the features to "
                f"between {1 / MOST:.0e} and {MOST:.0e}"
            )
        for part in parts:
            if (array[part] == array[part[0]]).all():
                raise InputError(
                    f"alignment: the {len(part)} of {len(array)} rows of {name} that a map is learnt from, or judged "
                    f"by, are all equal to row {part[0]}: too few items differ"
                )
    if max(largest.values()) / min(largest.values()) > MOST:
        values = f"{largest[name_x]:.0e} and {largest[name_y]:.0e}"
        raise InputError(f"alignment: the largest values of {name_x} and {name_y} are {values}: scale one of them")
    return parts


def _ridge(X: np.ndarray, Y: np.ndarray, train: np.ndarray, held_out: np.ndarray) -> LinearMap:
    from sklearn.linear_model import Ridge

    X, Y = X.astype(np.float64), Y.astype(np.float64)
    size = X[train].var(axis=0).mean() * len(train)
    losses = []
    for penalty in RIDGE_PENALTIES:
        model = Ridge(alpha=penalty * size).fit(X[train], Y[train])
        losses.append(float(1.0 - debiased_cka(model.predict(X[held_out]).reshape(len(held_out), -1), Y[held_out])))
    # A constant prediction has no CKA (NaN): it never is the best map.
    best = RIDGE_PENALTIES[int(np.nanargmin(losses))]
    model = Ridge(alpha=best * size * len(X) / len(train)).fit(X, Y)
    history = {"penalty": RIDGE_PENALTIES.tolist(), "held_out_loss": losses}
    weight = model.coef_.reshape(Y.shape[1], -1).T.astype(np.float32)
    return LinearMap(weight, np.reshape(model.intercept_, -1).astype(np.float32), history)


def _cka(X, Y, train, held_out, steps, start, random_state, device, progress) -> LinearMap:
    import torch

    from rdx.method.numerics.adam import Adam

    device = resolve_device(device)
    # CKA ignores scale and offset, Adam does not: unit mean square keeps one learning rate right.
    scale = float(np.sqrt(X[train].var(axis=0, dtype=np.float64).mean())) or 1.0
    centre = X[train].mean(axis=0, dtype=np.float64)
    x = torch.as_tensor((X - centre) / scale, dtype=torch.float32, device=device)
    y = torch.as_tensor(Y - Y.mean(axis=0, dtype=np.float64), dtype=torch.float32, device=device)
    generator = torch.Generator().manual_seed(random_state)
    weight, bias = _start(x.shape[1], start, generator)
    weight, bias = (t.to(device).requires_grad_() for t in (weight, bias))
    optimizer = Adam([weight, bias])
    inside, outside = torch.as_tensor(train, device=device), torch.as_tensor(held_out, device=device)
    history: dict[str, list[float]] = {"step": [], "train_loss": [], "held_out_loss": []}
    best, kept, since = float("inf"), None, 0

    def loss_on(items) -> torch.Tensor:
        return 1.0 - debiased_cka(x[items] @ weight + bias, y[items])

    with progress_bar(range((steps or STEPS) + 1), desc="alignment", disable=not progress, leave=False) as bar:
        for step in bar:
            with torch.no_grad():
                held_out_loss = float(loss_on(outside))
            train_loss = loss_on(inside)
            for column, value in zip(history, (step, float(train_loss.detach()), held_out_loss), strict=True):
                history[column].append(value)
            bar.set_postfix(loss=f"{held_out_loss:.4f}")
            if held_out_loss < best:
                best, kept, since = held_out_loss, (weight.detach().clone(), bias.detach().clone()), 0
            elif steps is None and (since := since + 1) >= PATIENCE:
                break
            train_loss.backward()
            optimizer.step(LEARNING_RATE)
    if kept is None:
        raise InputError("alignment: the held-out items have no CKA with each other; a representation is degenerate")
    weight, bias = (t.cpu().numpy().astype(np.float64) for t in kept)
    bias = bias - centre / scale @ weight
    return LinearMap((weight / scale).astype(np.float32), bias.astype(np.float32), history)


def _start(width: int, start: str, generator):
    """The first weight (d, d) and bias (d,): the identity, or PyTorch's default for a linear layer."""
    import torch

    if start == "identity":
        return torch.eye(width), torch.zeros(width)
    bound = width**-0.5  # nn.Linear draws weight and bias uniformly within 1 / √d
    draw = torch.empty(width, width).uniform_(-bound, bound, generator=generator)
    return draw, torch.empty(width).uniform_(-bound, bound, generator=generator)
