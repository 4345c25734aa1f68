"""AdamW on whatever shard of the parameters this rank holds, in four kinds of precision.

The update is torch's fused kernel, always in float32. What differs is where a parameter comes from and goes:
float32 parameters are updated in place; bfloat16 ones through a float32 master copy, or through a passing
float32 copy that is rounded back, by chance or to the nearest.
"""

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from stoa.compute.training.pretraining.recipe import Recipe
from stoa.compute.training.pretraining.rounding import stochastic
from stoa.compute.training.pretraining.sharding import coordinate, like, local

_AT_ONCE = 2**24  # elements whose float32 copies are alive together


class AdamW:
    """The optimiser and its state."""

    def __init__(self, recipe: Recipe, parameters: dict[str, nn.Parameter]) -> None:
        self.recipe = recipe
        self.kind = recipe.precision.kind
        self.names = list(parameters)
        self.parameters = list(parameters.values())
        self.updates = 0
        shards = [local(parameter.detach()) for parameter in self.parameters]
        self.exp_avg = [torch.zeros_like(shard, dtype=torch.float32) for shard in shards]
        self.exp_avg_sq = [torch.zeros_like(shard, dtype=torch.float32) for shard in shards]
        self.master: list[Tensor] = []
        self.remember()

    def remember(self) -> None:
        """Take the float32 copies of the parameters as they are now, where the recipe keeps copies."""
        if self.kind == "bf16_master":
            self.master = [local(parameter.detach()).float() for parameter in self.parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One update from the gradients that the parameters carry, at a learning rate."""
        self.updates += 1
        for chosen in self._chunks():
            shards = [local(self.parameters[number].detach()) for number in chosen]
            whole = [
                self._float32(number, shard) for number, shard in zip(chosen, shards, strict=True)
            ]
            self._update(chosen, whole, rate)
            if self.kind == "float32":
                continue
            for number, shard, new in zip(chosen, shards, whole, strict=True):
                shard.copy_(self._rounded(number, new))

    def tensors(self) -> dict[str, Tensor]:
        """The state by name, lying as the parameters do."""
        kept = {"exp_avg": self.exp_avg, "exp_avg_sq": self.exp_avg_sq}
        if self.master:
            kept["master"] = self.master
        return {
            f"{kind}.{name}": like(part, parameter.detach())
            for kind, parts in kept.items()
            for name, parameter, part in zip(self.names, self.parameters, parts, strict=True)
        }

    def _update(self, chosen: list[int], whole: list[Tensor], rate: float) -> None:
        plan = self.recipe.optimiser
        grads = [local(_gradient(self.parameters[number])).float() for number in chosen]
        step = torch.full((), float(self.updates), device=whole[0].device)
        torch._fused_adamw_(
            whole,
            grads,
            [self.exp_avg[number] for number in chosen],
            [self.exp_avg_sq[number] for number in chosen],
            [],
            [step] * len(chosen),
            lr=rate,
            beta1=plan.beta1,
            beta2=plan.beta2,
            weight_decay=plan.weight_decay,
            eps=plan.eps,
            amsgrad=False,
            maximize=False,
        )

    def _float32(self, number: int, shard: Tensor) -> Tensor:
        if self.kind == "bf16_master":
            return self.master[number]
        return shard.float()  # itself where it is float32 already

    def _rounded(self, number: int, new: Tensor) -> Tensor:
        if self.kind != "bf16_stochastic":
            return new.to(torch.bfloat16)
        words = f"{self.recipe.seed} {self.updates} {self.names[number]} {self._place(number)}"
        digest = hashlib.sha256(words.encode()).digest()
        return stochastic(new, int.from_bytes(digest[:7], "big"))

    def _place(self, number: int) -> int:
        """Copies of a shard must round alike, or replicas drift apart; so the shard seeds, not the rank."""
        return coordinate(self.parameters[number])

    def _chunks(self) -> Iterator[list[int]]:
        """Parameters a few at a time, so that passing float32 copies stay small."""
        if self.kind in ("float32", "bf16_master"):
            yield [n for n, part in enumerate(self.exp_avg) if part.numel()]
            return
        chosen: list[int] = []
        elements = 0
        for number, part in enumerate(self.exp_avg):
            if part.numel() == 0:
                continue
            chosen.append(number)
            elements += part.numel()
            if elements >= _AT_ONCE:
                yield chosen
                chosen, elements = [], 0
        if chosen:
            yield chosen


def _gradient(parameter: nn.Parameter) -> Tensor:
    return parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
