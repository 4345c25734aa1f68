"""NeuMF, GMF and MLP as they learn: forward and backward of one step, written out, in torch.

Three things make a step cheap, none of which changes what is computed:

- A batch has far fewer users and items than pairs, and the first layer's product splits into a half
  per user and a half per item. Both are computed once per distinct user and item, not per pair; that
  is three quarters of the arithmetic of a plain implementation.
- A positive and its negatives share their user, so the user's half is read and its gradient summed
  once per positive.
- Only rows that a batch touched are updated.

Pairs go through the upper layers in chunks that stay in the cache. Dropout acts on the input of every
layer: one mask per distinct user and item for the first, one per positive and its negatives above.

Shapes: P positives, N = 1 + negatives, H first layer, F factors, U/I distinct users/items.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from stoa.compute.training.recommenders.recipes import NeuralRecipe

_CHUNK = 512  # positives whose pairs go through the upper layers at once
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
            tensors[f"layers.{number}.weight"] = weight.uniform_(
                -bound, bound, generator=generator
            )
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
        self._mf = tensors["mf.users"].shape[1] if self._has_mf else 0
        self._hidden = len(tensors["layers.0.bias"]) if self._has_mlp else 0
        self._upper = sum(1 for name in tensors if name.endswith(".bias")) - 2
        self._bar = round(256 * (1 - dropout))  # a byte below it keeps its unit

    def gradients(self, users: Tensor, items: Tensor, random: np.random.Generator) -> Gradients:
        """Mean cross-entropy over `users` [P] and `items` [P, N], the first column being had."""
        own, user_place = torch.unique(users, return_inverse=True)
        other, item_place = torch.unique(items, return_inverse=True)
        first = self._first_layer(own, other, random) if self._has_mlp else None
        user_rows, item_rows = self._joined_rows(own, other, first)
        step = _Step(self, user_rows, item_rows, items.numel(), random)
        for start in range(0, len(users), _CHUNK):
            step.add(user_place[start : start + _CHUNK], item_place[start : start + _CHUNK])
        found = Gradients(step.loss / items.numel(), own, other, dense=step.dense)
        if self._has_mf:
            found.rows["mf.users"] = step.user_gradient[:, self._hidden :]
            found.rows["mf.items"] = step.item_gradient[:, self._hidden :]
        if first is not None:
            self._first_layer_back(first, step, found)
        return found

    def mask(self, random: np.random.Generator, *shape: int) -> Tensor | None:
        """0 or 1 / (share kept), so that the mean stays. None where nothing is dropped."""
        if self._bar >= 256:
            return None
        drawn = np.frombuffer(random.bytes(math.prod(shape)), np.uint8) < self._bar
        return torch.from_numpy(drawn.reshape(shape).astype(np.float32)).mul_(256 / self._bar)

    def _first_layer(self, own: Tensor, other: Tensor, random: np.random.Generator) -> "_First":
        weight = self.tensors["layers.0.weight"]
        width = weight.shape[1] // 2
        users, items = self.tensors["mlp.users"][own], self.tensors["mlp.items"][other]
        user_mask = self.mask(random, *users.shape)
        item_mask = self.mask(random, *items.shape)
        if user_mask is not None and item_mask is not None:
            users.mul_(user_mask)
            items.mul_(item_mask)
        return _First(users, items, user_mask, item_mask, weight[:, :width], weight[:, width:])

    def _joined_rows(
        self, own: Tensor, other: Tensor, first: "_First | None"
    ) -> tuple[Tensor, Tensor]:
        """[U, H + F] and [I, H + F]: what the chunks gather, in one go."""
        users, items = [], []
        if first is not None:
            bias = self.tensors["layers.0.bias"]
            users.append(torch.addmm(bias, first.users, first.user_weight.T))
            items.append(first.items @ first.item_weight.T)
        if self._has_mf:
            users.append(self.tensors["mf.users"][own])
            items.append(self.tensors["mf.items"][other])
        return torch.cat(users, 1), torch.cat(items, 1)

    def _first_layer_back(self, first: "_First", step: "_Step", found: Gradients) -> None:
        users = step.user_gradient[:, : self._hidden]
        items = step.item_gradient[:, : self._hidden]
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


class _Step:
    """Sums loss and gradients over the chunks of one batch."""

    def __init__(
        self,
        network: Network,
        user_rows: Tensor,
        item_rows: Tensor,
        pairs: int,
        random: np.random.Generator,
    ) -> None:
        self._network = network
        self._user_rows, self._item_rows = user_rows, item_rows
        self._pairs = pairs
        self._random = random
        tensors = network.tensors
        self._hidden, self._mf = network._hidden, network._mf
        self._output = tensors["output.weight"]
        self._layers = [
            (f"layers.{k}.weight", f"layers.{k}.bias") for k in range(1, network._upper + 1)
        ]
        self.loss = 0.0
        self.user_gradient = torch.zeros_like(user_rows)
        self.item_gradient = torch.zeros_like(item_rows)
        above = [name for pair in self._layers for name in pair]
        self.dense = {
            name: torch.zeros_like(tensors[name]) for name in [*above, "output.weight", "output.bias"]
        }

    def add(self, users: Tensor, items: Tensor) -> None:
        """One chunk: `users` [p] and `items` [p, N], as rows of what was gathered."""
        shape = items.shape
        user = self._user_rows.index_select(0, users)[:, None, :]  # [p, 1, H + F]
        item = self._item_rows.index_select(0, items.reshape(-1)).view(*shape, -1)
        logits = self.tensors_bias().expand(shape).clone()
        product = None
        if self._mf:
            product = item[:, :, self._hidden :] * user[:, :, self._hidden :]
            logits += product @ self._output[: self._mf]
        inputs: list[Tensor] = []
        masks: list[Tensor | None] = []
        if self._hidden:
            top = self._up(item[:, :, : self._hidden] + user[:, :, : self._hidden], inputs, masks)
            logits += (top @ self._output[self._mf :]).view(shape)
        error = self._error(logits)
        self.dense["output.bias"] += error.sum()
        flat = error.view(-1)
        gradient = torch.empty_like(item)
        if product is not None:
            self.dense["output.weight"][: self._mf] += flat @ product.view(-1, self._mf)
            scaled = error[:, :, None] * self._output[: self._mf]
            torch.mul(scaled, user[:, :, self._hidden :], out=gradient[:, :, self._hidden :])
            mine = scaled.mul_(item[:, :, self._hidden :]).sum(1)
        if self._hidden:
            self.dense["output.weight"][self._mf :] += flat @ top
            gradient[:, :, : self._hidden] = self._down(flat, top, inputs, masks).view(*shape, -1)
        whole = gradient.sum(1)
        if product is not None:
            whole[:, self._hidden :] = mine
        self.user_gradient.index_add_(0, users, whole)
        self.item_gradient.index_add_(0, items.reshape(-1), gradient.view(-1, gradient.shape[2]))

    def tensors_bias(self) -> Tensor:
        """The output's bias, [1, 1]."""
        return self._network.tensors["output.bias"].view(1, 1)

    def _error(self, logits: Tensor) -> Tensor:
        """Derivative of the mean loss by the logits [p, N]; adds the sum of losses."""
        self.loss += float(torch.nn.functional.softplus(logits).sum() - logits[:, 0].sum())
        error = torch.sigmoid(logits)
        error[:, 0] -= 1
        return error.div_(self._pairs)

    def _up(self, hidden: Tensor, inputs: list[Tensor], masks: list[Tensor | None]) -> Tensor:
        """Through the upper layers: [p * N, last]. Keeps what the way down needs."""
        count, width = hidden.shape[:2]
        hidden = hidden.relu_()
        for weight, bias in self._layers:
            mask = self._network.mask(self._random, count, 1, hidden.shape[-1])
            if mask is not None:
                hidden.mul_(mask)
            inputs.append(hidden.view(count * width, -1))
            masks.append(mask)
            tensors = self._network.tensors
            hidden = torch.addmm(tensors[bias], inputs[-1], tensors[weight].T).relu_()
            hidden = hidden.view(count, width, -1)
        return hidden.reshape(count * width, -1)

    def _down(
        self, error: Tensor, top: Tensor, inputs: list[Tensor], masks: list[Tensor | None]
    ) -> Tensor:
        """Gradient of the first layer's sum: [p * N, H]."""
        gradient = error[:, None] * self._output[self._mf :]
        gradient.mul_(top > 0)
        for place in range(len(self._layers) - 1, -1, -1):
            weight, bias = self._layers[place]
            self.dense[weight].addmm_(gradient.T, inputs[place])
            self.dense[bias] += gradient.sum(0)
            gradient = gradient @ self._network.tensors[weight]
            mask = masks[place]
            if mask is not None:
                groups = gradient.view(mask.shape[0], -1, gradient.shape[1])
                groups.mul_(mask)
            gradient.mul_(inputs[place] > 0)
        return gradient
