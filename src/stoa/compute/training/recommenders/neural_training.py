"""The loop around the neural step: epochs, judging, early stopping, pre-training, checkpoints.

NeuMF with pre-training is three phases: GMF, MLP, then NeuMF from both. Every epoch draws from a
generator of its own, seeded by run, phase and epoch, and every epoch ends in a checkpoint, so a run that
was killed and starts again ends with the same numbers as one that was not.

What is judged and kept is a running mean of the weights (Polyak and Juditsky, 1992): the last steps of a
constant rate wander around a better place than any of them hits.
"""

import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.neural import Neural
from stoa.compute.training.recommenders.adam import TableAdam
from stoa.compute.training.recommenders.judging import HeldOut, judge
from stoa.compute.training.recommenders.neural_network import Network, first_tensors, joined
from stoa.compute.training.recommenders.recipes import NeuralRecipe
from stoa.compute.training.recommenders.sampling import NegativeSampler

Tensors = dict[str, Tensor]
_HALVES = ("gmf", "mlp")
_GROWTH = 0.4  # of the rate with the batches in a step
_MEAN_EVERY = 8  # steps: whole tables are read for it, and a step touches only rows
Told = Callable[[str, int, dict[str, float]], None]
"""Called after each epoch with the phase, the epoch and its figures."""


@dataclass
class _State:
    """All that the next epoch depends on; what a checkpoint holds."""

    phase: int = 0
    epoch: int = 0
    steps: int = 0
    best_epoch: int = 0
    best: float = -1.0
    tensors: dict[str, Tensors] = field(default_factory=dict)
    """now, mean, first, second (of the optimiser), best; of phases before: gmf, mlp."""

    def average(self, keeps: float) -> None:
        """Move the mean, if one is kept, towards the present weights; quickly at first, when it holds only the start."""
        if "mean" not in self.tensors or self.steps % _MEAN_EVERY:
            return
        taken = self.steps // _MEAN_EVERY
        kept = min(keeps**_MEAN_EVERY, taken / (taken + 2))
        for name, mean in self.tensors["mean"].items():
            mean.lerp_(self.tensors["now"][name], 1 - kept)

    def model(self) -> Tensors:
        """What a model of this moment is made of."""
        return self.tensors.get("mean", self.tensors["now"])

    def save(self, path: Path) -> None:
        """Replace the checkpoint in one stroke."""
        flat = {
            f"{group}/{name}": each.contiguous()
            for group, tensors in self.tensors.items()
            for name, each in tensors.items()
        }
        numbers = {
            name: getattr(self, name) for name in ("phase", "epoch", "steps", "best_epoch", "best")
        }
        partial = path.with_suffix(f".{os.getpid()}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(flat, partial, {"state": json.dumps(numbers)})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "_State":
        """The checkpoint, or the very beginning."""
        if not path.exists():
            return cls()
        with safe_open(path, framework="pt") as file:
            state = cls(**json.loads(file.metadata()["state"]))
            for key in file.keys():  # noqa: SIM118
                group, name = key.split("/", 1)
                state.tensors.setdefault(group, {})[name] = file.get_tensor(key).clone()
        return state


class NeuralTraining:
    """One recipe on one set of interactions."""

    def __init__(
        self,
        recipe: NeuralRecipe,
        train: Interactions,
        validation: HeldOut | None,
        *,
        seed: int,
        checkpoint: Path,
        told: Told,
    ) -> None:
        """Without `validation` (or with an empty one) all epochs run and the last one counts."""
        if not len(train):
            raise InvalidInput("There is nothing to train on.", hint="Bring interactions first.")
        self._recipe, self._train, self._seed = recipe, train, seed
        self._validation = validation if validation is not None and len(validation) else None
        self._checkpoint, self._told = checkpoint, told
        self._sampler = NegativeSampler(train, recipe.negatives)
        self._phases: list[tuple[str, int]] = [(recipe.kind, recipe.epochs)]
        if recipe.kind == "neumf" and recipe.pretrain:
            of_gmf = recipe.pretrain_gmf or recipe.pretrain
            self._phases = [("gmf", of_gmf), ("mlp", recipe.pretrain), *self._phases]

    def epochs(self, phase: str) -> int:
        """How many a phase, as it is told, has at most."""
        return dict(self._phases)[phase]

    @torch.inference_mode()
    def run(self) -> tuple[Neural, int]:
        """The model at its best epoch, and which epoch of the last phase that was."""
        state = _State.load(self._checkpoint)
        while True:
            kind, epochs = self._phases[state.phase]
            if not state.tensors.get("now"):
                self._begin(state, kind)
            while state.epoch < epochs and not self._is_over(state):
                self._epoch(state, kind)
                state.save(self._checkpoint)
            if state.phase == len(self._phases) - 1:
                return self._model(state.tensors["best"]), state.best_epoch
            kept: dict[str, Tensors] = {
                name: state.tensors[name] for name in _HALVES if name in state.tensors
            }
            state = _State(phase=state.phase + 1, tensors={**kept, kind: state.tensors["best"]})
            state.save(self._checkpoint)

    def _begin(self, state: _State, kind: str) -> None:
        if _is_pretrained(state):
            now = joined(*(state.tensors[half] for half in _HALVES))
        else:
            shaped = self._recipe.model_copy(update={"kind": kind})
            sizes = (self._train.user_count, self._train.item_count)
            now = first_tensors(shaped, *sizes, self._seed * 10 + state.phase)
        adam = TableAdam(now, 0.0)
        state.tensors.update(now=now, first=adam.first, second=adam.second)
        if self._recipe.averaging:
            state.tensors["mean"] = {name: each.clone() for name, each in now.items()}

    def _epoch(self, state: _State, kind: str) -> None:
        recipe = self._recipe
        random = np.random.default_rng((self._seed, state.phase, state.epoch + 1))
        now = state.tensors["now"]
        adam = TableAdam(now, self._rate(state))
        adam.steps, adam.first, adam.second = (
            state.steps,
            state.tensors["first"],
            state.tensors["second"],
        )
        network = Network(now, recipe.dropout)
        users, items = (
            torch.from_numpy(each.astype(np.int64)) for each in self._sampler.epoch(random)
        )
        positives = recipe.batch_size * recipe.batches_per_step // (1 + recipe.negatives)
        positives = max(1, min(positives, math.ceil(len(users) / recipe.least_steps)))
        loss = 0.0
        for start in range(0, len(users), positives):
            rows = slice(start, start + positives)
            found = network.gradients(users[rows], items[rows], random)
            adam.step(found)
            state.steps = adam.steps
            state.average(recipe.averaging)
            loss += found.loss * len(users[rows])
        state.epoch += 1
        self._refuse_divergence(now, state.epoch)
        self._note(state, kind, loss / max(len(users), 1))

    def _rate(self, state: _State) -> float:
        """Of every step of a phase. Lower after pre-training: Adam starts without averages then, so
        that its first steps are as large as the rate in every weight, and would undo what was learnt."""
        rate = self._recipe.learning_rate * math.pow(self._recipe.batches_per_step, _GROWTH)
        return rate * self._recipe.joined_rate if _is_pretrained(state) else rate

    def _note(self, state: _State, kind: str, loss: float) -> None:
        """Judge the epoch, keep it if it is the best, and tell."""
        figures = {"loss": loss}
        judged = float(state.epoch)  # without validation the last epoch is the best
        if self._validation is not None:
            found = judge(self._model(state.model()), self._validation)
            figures.update(hr=found["hr"], ndcg=found["ndcg"])
            judged = found["ndcg"]
        if judged > state.best:
            state.best, state.best_epoch = judged, state.epoch
            state.tensors["best"] = {k: v.clone() for k, v in state.model().items()}
        self._told(kind, state.epoch, figures)

    def _is_over(self, state: _State) -> bool:
        patience = self._recipe.patience
        waited = state.epoch - state.best_epoch
        return bool(patience) and self._validation is not None and waited >= patience

    def _refuse_divergence(self, tensors: Tensors, epoch: int) -> None:
        wrong = [name for name, each in tensors.items() if not bool(torch.isfinite(each).all())]
        if wrong:
            raise InvalidInput(
                f"Training diverged in epoch {epoch}: {wrong[0]} is no longer finite.",
                hint="Lower learning_rate or batches_per_step.",
            )

    def _model(self, tensors: Tensors) -> Neural:
        arrays: dict[str, NDArray[np.float32]] = {k: v.numpy() for k, v in tensors.items()}
        return Neural(self._train, arrays)


def _is_pretrained(state: _State) -> bool:
    return all(half in state.tensors for half in _HALVES)
