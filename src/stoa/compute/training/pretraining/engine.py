"""One step of training on whatever layout, and what of it a checkpoint keeps.

A step works through this rank's micro-batches, adds gradients up over them and over data-parallel ranks,
divides by the tokens that count, looks at loss and norm, and updates, unless the watch says otherwise. It
knows nothing of files, of where batches come from, or of the number of steps.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stoa.compute.training.pretraining import gradients, schedule, sharding
from stoa.compute.training.pretraining.build import build
from stoa.compute.training.pretraining.interfaces import IGNORED, Batch
from stoa.compute.training.pretraining.layout import Layout
from stoa.compute.training.pretraining.optimiser import AdamW
from stoa.compute.training.pretraining.recipe import Recipe
from stoa.compute.training.pretraining.stability import Verdict, Watch


@dataclass(frozen=True)
class Step:
    """What one step was like. Loss in nats a token, over all ranks."""

    number: int  # of steps made, this one too
    loss: float
    norm: float  # of the gradient, before it was clipped
    rate: float
    tokens: int  # that counted
    seconds: float
    verdict: Verdict
    stop_asked: bool  # of any rank: all leave after the same step


class Engine:
    """A model in training on this rank. `interfaces.Kept` says what checkpoints want of it."""

    def __init__(
        self, recipe: Recipe, layout: Layout, world: sharding.World, vocabulary: int
    ) -> None:
        """Build the model; every rank together.

        Args:
            vocabulary: rows of the embedding.
        """
        self.recipe, self.layout, self.world = recipe, layout, world
        self.model, self.mesh = build(recipe, layout, world, vocabulary)
        self.parameters: dict[str, nn.Parameter] = dict(self.model.named_parameters())
        self.optimiser = AdamW(recipe, self.parameters)
        self.watch = Watch(recipe.stability)
        self.steps = 0
        self.tokens = 0
        self._sums: list[Tensor] = []

    def step(self, batch: Batch, *, stop_asked: bool = False) -> Step:
        """Learn from this rank's share of a step. `stop_asked` of one rank reaches all of them."""
        begun = time.perf_counter()
        told = self._gradients(batch, stop_asked)
        tokens = max(1, int(told[1]))
        loss = float(told[0]) / tokens
        grads = [p.grad for p in self.parameters.values() if p.grad is not None]
        norm = float(gradients.norm(grads)) / tokens
        verdict = self.watch.see(loss, norm)
        rate = schedule.rate(self.recipe, self.steps) * self.watch.rate_factor
        if verdict.action == "go_on":
            clip = self.recipe.optimiser.clip
            shrunk = min(1.0, clip / (norm + 1e-6)) if clip else 1.0
            gradients.scale(grads, shrunk / tokens)
            self.optimiser.step(rate)
        for parameter in self.parameters.values():
            parameter.grad = None
        self.steps += 1
        self.tokens += tokens
        seconds = time.perf_counter() - begun
        stop = bool(told[2])
        return Step(self.steps, loss, norm, rate, tokens, seconds, verdict, stop)

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> float:
        """Mean loss over batches, of which every data-parallel rank brings its own."""
        told = torch.zeros(2, dtype=torch.float64, device=self.world.device)
        for batch in batches:
            for tokens, labels, documents in self._micro(batch):
                told[0] += self.model(tokens, labels, documents)
                told[1] += int((labels != IGNORED).sum())
        self.mesh.total(told)
        return float(told[0] / told[1].clamp(min=1))

    def parameter_norm(self) -> float:
        """The norm of all parameters as one vector."""
        return float(gradients.norm([p.detach() for p in self.parameters.values()]))

    def tensors(self) -> dict[str, Tensor]:
        """Weights and the optimiser's state by name, as shards of this rank."""
        weights = {f"model.{name}": p.detach() for name, p in self.parameters.items()}
        state = {f"optimiser.{name}": part for name, part in self.optimiser.tensors().items()}
        return weights | state

    def values(self) -> dict[str, Any]:
        """Steps, updates, tokens and the watch, as plain values."""
        return {
            "steps": self.steps,
            "updates": self.optimiser.updates,  # fewer, where the watch left some out
            "tokens": self.tokens,
            "watch": self.watch.state(),
        }

    def restore(self, values: dict[str, Any], *, rolled_back: bool = False) -> None:
        """Take up `values`, after the tensors were filled in place."""
        self.steps = int(values["steps"])
        self.optimiser.updates = int(values["updates"])
        self.tokens = int(values["tokens"])
        self.watch.restore(values["watch"], keep_policy=rolled_back)

    def _gradients(self, batch: Batch, stop_asked: bool) -> Tensor:
        """Summed gradients of the step. Returns summed loss, tokens that count, ranks asked to stop."""
        told = torch.zeros(3, dtype=torch.float64, device=self.world.device)
        told[2] = stop_asked
        parts = list(self._micro(batch))
        for number, (tokens, labels, documents) in enumerate(parts):
            last = number == len(parts) - 1
            sharding.hold_gradients(self.model, held=not last)
            loss = self.model(tokens, labels, documents)
            loss.backward()
            told[0] += loss.detach()
            told[1] += (labels != IGNORED).sum()
            self._in_float32(last)
        self.mesh.complete_gradients(self.model)
        return self.mesh.total(told).cpu()

    def _in_float32(self, last: bool) -> None:
        """bfloat16 gradients of many micro-batches are added up in float32. FSDP does so by itself."""
        if self.recipe.precision.kind == "float32" or self.layout.data > 1:
            return
        if last and not self._sums:
            return
        grads = [_grad(parameter) for parameter in self.parameters.values()]
        if not self._sums:
            self._sums = [grad.float() for grad in grads]
        else:
            torch._foreach_add_(self._sums, [grad.float() for grad in grads])
        for parameter, total in zip(self.parameters.values(), self._sums, strict=True):
            parameter.grad = sharding.like(total.to(parameter.dtype), parameter) if last else None
        if last:
            self._sums = []

    def _micro(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Micro-batches of a batch, on the device."""
        rows = self.layout.micro
        for first in range(0, len(batch.tokens), rows):
            part = slice(first, first + rows)
            documents = batch.documents
            yield (
                self._on_device(batch.tokens[part]),
                self._on_device(batch.labels[part]),
                None if documents is None else self._on_device(documents[part]),
            )

    def _on_device(self, array: Any) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.world.device.type == "cpu":
            return tensor
        return tensor.pin_memory().to(self.world.device, non_blocking=True)


def _grad(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return sharding.local(parameter.grad)
