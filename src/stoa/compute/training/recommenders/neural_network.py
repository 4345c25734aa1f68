"""NeuMF, GMF and MLP as they learn: forward and backward of one step, written out, in torch.

Three things make a step cheap, none of which changes what is computed:

- A batch has far fewer users and items than pairs, and the first layer's product splits into a half
  per user and a half per item. Both are computed once per distinct user and item, not per pair; that
  is three quarters of the arithmetic of a plain implementation.
- A positive and its negatives share their user, so the user's half is read and its gradient summed
  once per positive.
- Only rows that a batch touched are updated.

Pairs go through the upper layers in chunks that stay in the cache. Dropout acts on the input of every
layer: one mask per distinct user and item for the first, one per positive and its negatives above. The
products of factors are dropped too, which bounds the norm of the tables as ridge would, with a weight
that grows with frequency (Cavazza et al., "Dropout as a Low-Rank Regularizer for Matrix
Factorization", 2018).

Shapes: P positives, N = 1 + negatives, H first layer, F factors, U/I distinct users/items.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from stoa.compute.training.recommenders.recipes import NeuralRecipe

_CHUNK = 256  # positives whose pairs go through the upper layers at once
TABLES = ("mf.users", "mf.items", "mlp.users", "mlp.items")


@dataclass
class Gradients:
    """Of one step: `dense` by name; of tables only the rows touched."""

    loss: float
    users: Tensor  # [U] distinct, ascending
    items: Tensor  # [I] distinct, ascending
    rows: dict[str, Tensor] = field(default_factory=dict)
    dense: dict[str, Tensor] = field(default_factory=dict)


def first_tensors(
    recipe: NeuralRecipe, user_count: int, item_count: int, seed: int
) -> dict[str, Tensor]:
    """Small normal tables, Glorot layers, LeCun output, as published."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    factors, last = recipe.factor_num, 0

    def table(count: int, width: int) -> Tensor:
        return torch.empty(count, width).normal_(0, 0.01, generator=generator)

    if recipe.kind != "mlp":
        tensors["mf.users"] = table(user_count, factors)
        tensors["mf.items"] = table(item_count, factors)
        last += factors
    if recipe.kind != "gmf":
        width = factors * 2 ** (recipe.num_layers - 1)
        tensors["mlp.users"] = table(user_count, width)
        tensors["mlp.items"] = table(item_count, width)
        entering = 2 * width
        for number in range(recipe.num_layers):
            bound = math.sqrt(6 / (entering + entering // 2))
            weight = torch.empty(entering // 2, entering)
            tensors[f"layers.{number}.weight"] = weight.uniform_(-bound, bound, generator=generator)
            tensors[f"layers.{number}.bias"] = torch.zeros(entering // 2)
            entering //= 2
        last += entering
    bound = math.sqrt(3 / last)
    tensors["output.weight"] = torch.empty(last).uniform_(-bound, bound, generator=generator)
    tensors["output.bias"] = torch.zeros(1)
    return tensors


def joined(gmf: dict[str, Tensor], mlp: dict[str, Tensor]) -> dict[str, Tensor]:
    """NeuMF's start from its trained halves: outputs weigh one half each, as published."""
    both = {**{k: v.clone() for k, v in gmf.items()}, **{k: v.clone() for k, v in mlp.items()}}
    both["output.weight"] = 0.5 * torch.cat([gmf["output.weight"], mlp["output.weight"]])
    both["output.bias"] = 0.5 * (gmf["output.bias"] + mlp["output.bias"])
    return both


class Network:
    """Tensors, and the gradients of a batch. Knows no optimiser."""

    def __init__(self, tensors: dict[str, Tensor], dropout: float) -> None:
        self.tensors = tensors
        self._has_mf = "mf.users" in tensors
        self._has_mlp = "mlp.users" in tensors
        self._kept = round(256 * (1 - dropout))  # a random byte below it keeps its unit

    def gradients(self, users: Tensor, items: Tensor, random: np.random.Generator) -> Gradients:
        """Mean cross-entropy over `users` [P] and `items` [P, N], the first column being had."""
        own, user_place = torch.unique(users, return_inverse=True)
        other, item_place = torch.unique(items, return_inverse=True)
        first = self._first_layer(own, other, random) if self._has_mlp else None
        step = _Step(self.tensors, self._kept, items.numel(), random)
        if first is not None:
            bias = self.tensors["layers.0.bias"]
            step.hidden = _Side.of(
                torch.addmm(bias, first.users, first.user_weight.T),
                first.items @ first.item_weight.T,
            )
        if self._has_mf:
            step.mf = _Side.of(
                self.tensors["mf.users"].index_select(0, own),
                self.tensors["mf.items"].index_select(0, other),
            )
        for start in range(0, len(users), _CHUNK):
            step.add(user_place[start : start + _CHUNK], item_place[start : start + _CHUNK])
        found = Gradients(step.loss / items.numel(), own, other, dense=step.dense)
        if step.mf is not None:
            found.rows["mf.users"] = step.mf.user_gradient
            found.rows["mf.items"] = step.mf.item_gradient
        if first is not None and step.hidden is not None:
            _first_layer_back(first, step.hidden, found)
        return found

    def _first_layer(self, own: Tensor, other: Tensor, random: np.random.Generator) -> "_First":
        weight = self.tensors["layers.0.weight"]
        width = weight.shape[1] // 2
        users = self.tensors["mlp.users"].index_select(0, own)
        items = self.tensors["mlp.items"].index_select(0, other)
        user_mask = _mask(random, self._kept, *users.shape)
        item_mask = _mask(random, self._kept, *items.shape)
        if user_mask is not None and item_mask is not None:
            users.mul_(user_mask)
            items.mul_(item_mask)
        return _First(users, items, user_mask, item_mask, weight[:, :width], weight[:, width:])


def _mask(random: np.random.Generator, kept: int, *shape: int) -> Tensor | None:
    """0 or 256 / kept, so that the mean stays. None where nothing is dropped."""
    if kept >= 256:
        return None
    drawn = np.frombuffer(random.bytes(math.prod(shape)), np.uint8) < kept
    return torch.from_numpy(drawn.reshape(shape).astype(np.float32)).mul_(256 / kept)


def _first_layer_back(first: "_First", hidden: "_Side", found: Gradients) -> None:
    users, items = hidden.user_gradient, hidden.item_gradient
    found.dense["layers.0.weight"] = torch.cat([users.T @ first.users, items.T @ first.items], 1)
    found.dense["layers.0.bias"] = users.sum(0)
    found.rows["mlp.users"] = users @ first.user_weight
    found.rows["mlp.items"] = items @ first.item_weight
    if first.user_mask is not None and first.item_mask is not None:
        found.rows["mlp.users"].mul_(first.user_mask)
        found.rows["mlp.items"].mul_(first.item_mask)


@dataclass
class _First:
    """The first layer's input, masked, per distinct user and item, and its two halves."""

    users: Tensor
    items: Tensor
    user_mask: Tensor | None
    item_mask: Tensor | None
    user_weight: Tensor
    item_weight: Tensor


@dataclass
class _Side:
    """What chunks gather per distinct user and item, and the gradients they scatter back."""

    users: Tensor
    items: Tensor
    user_gradient: Tensor
    item_gradient: Tensor

    @classmethod
    def of(cls, users: Tensor, items: Tensor) -> "_Side":
        return cls(users, items, torch.zeros_like(users), torch.zeros_like(items))

    def scatter(self, users: Tensor, items: Tensor, by_user: Tensor, by_pair: Tensor) -> None:
        self.user_gradient.index_add_(0, users, by_user)
        self.item_gradient.index_add_(0, items, by_pair)


class _Step:
    """Sums loss and gradients over the chunks of one batch."""

    def __init__(
        self, tensors: dict[str, Tensor], kept: int, pairs: int, random: np.random.Generator
    ) -> None:
        self._tensors, self._kept, self._pairs, self._random = tensors, kept, pairs, random
        self.hidden: _Side | None = None
        self.mf: _Side | None = None
        self.loss = 0.0
        upper = sum(1 for name in tensors if name.startswith("layers.")) // 2
        self._layers = [(f"layers.{k}.weight", f"layers.{k}.bias") for k in range(1, upper)]
        above = [name for pair in self._layers for name in pair]
        self.dense = {
            name: torch.zeros_like(tensors[name])
            for name in [*above, "output.weight", "output.bias"]
        }

    def add(self, users: Tensor, items: Tensor) -> None:
        """One chunk: `users` [p] and `items` [p, N], as rows of what was gathered."""
        shape, flat = items.shape, items.reshape(-1)
        logits = self._tensors["output.bias"].view(1, 1).expand(shape).clone()
        split = self.mf.users.shape[1] if self.mf is not None else 0
        mf_output = self._tensors["output.weight"][:split]
        top_output = self._tensors["output.weight"][split:]
        inputs: list[Tensor] = []
        if self.mf is not None:
            mf_user = self.mf.users.index_select(0, users)[:, None, :]
            mf_mask = _mask(self._random, self._kept, *mf_user.shape)
            if mf_mask is not None:
                mf_user.mul_(mf_mask)
            mf_item = self.mf.items.index_select(0, flat).view(*shape, -1)
            product = mf_item * mf_user
            logits += product @ mf_output
        if self.hidden is not None:
            summed = self.hidden.items.index_select(0, flat).view(*shape, -1)
            summed += self.hidden.users.index_select(0, users)[:, None, :]
            top = self._up(summed, inputs)
            logits += (top @ top_output).view(shape)
        error = self._error(logits)
        self.dense["output.bias"] += error.sum()
        if self.mf is not None:
            self.dense["output.weight"][:split] += error.view(-1) @ product.view(-1, split)
            scaled = error[:, :, None] * mf_output
            by_user = torch.mul(scaled, mf_item, out=product).sum(1)
            if mf_mask is not None:
                by_user.mul_(mf_mask[:, 0])
            self.mf.scatter(users, flat, by_user, scaled.mul_(mf_user).view(-1, split))
        if self.hidden is not None:
            self.dense["output.weight"][split:] += error.view(-1) @ top
            by_pair = self._down(error.view(-1, 1) * top_output, top, inputs)
            by_user = by_pair.view(*shape, -1).sum(1)
            self.hidden.scatter(users, flat, by_user, by_pair)

    def _error(self, logits: Tensor) -> Tensor:
        """Derivative of the mean loss by the logits [p, N]; adds the sum of losses."""
        self.loss += float(torch.nn.functional.softplus(logits).sum() - logits[:, 0].sum())
        error = torch.sigmoid(logits)
        error[:, 0] -= 1
        return error.div_(self._pairs)

    def _up(self, hidden: Tensor, inputs: list[Tensor]) -> Tensor:
        """Through the upper layers: [p * N, last]. Keeps the layers' inputs for the way down."""
        count, width = hidden.shape[:2]
        hidden = hidden.relu_()
        for weight, bias in self._layers:
            mask = _mask(self._random, self._kept, count, 1, hidden.shape[-1])
            if mask is not None:
                hidden.mul_(mask)
            inputs.append(hidden.view(count * width, -1))
            weights = self._tensors[weight].T
            hidden = torch.addmm(self._tensors[bias], inputs[-1], weights).relu_()
            hidden = hidden.view(count, width, -1)
        return hidden.view(count * width, -1)

    def _down(self, gradient: Tensor, top: Tensor, inputs: list[Tensor]) -> Tensor:
        """Gradient of the first layer's sum: [p * N, H].

        What an input of 0 was, cut by the rectifier or dropped, gets none: one pass for both.
        """
        gradient = _where_positive(gradient, top)
        for place in range(len(self._layers) - 1, -1, -1):
            weight, bias = self._layers[place]
            self.dense[weight].addmm_(gradient.T, inputs[place])
            self.dense[bias] += gradient.sum(0)
            back = self._tensors[weight]
            back = back * (256 / self._kept) if self._kept < 256 else back
            gradient = _where_positive(gradient @ back, inputs[place])
        return gradient


def _where_positive(gradient: Tensor, values: Tensor) -> Tensor:
    found: Tensor = torch.ops.aten.threshold_backward(gradient, values, 0)
    return found
