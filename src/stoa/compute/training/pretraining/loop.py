"""The run from its first step to its last: batches in, steps, validation, checkpoints, and the model out.

    with Run(folder, recipe, world, presence) as run:
        run.train()

Everything that can refuse a recipe refuses before the first step: layout, tokenizer, data, sizes of the model
to start from. Started again in the same folder it goes on behind the newest whole checkpoint.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining import build, peak, sharding, weights
from stoa.compute.training.pretraining.board import Board
from stoa.compute.training.pretraining.checkpoints import Checkpointer
from stoa.compute.training.pretraining.compiling import check_compiler
from stoa.compute.training.pretraining.data.loader import Loader, validation
from stoa.compute.training.pretraining.data.prepare import Prepared, prepare
from stoa.compute.training.pretraining.data.vocabulary import (
    Vocabulary,
    open_vocabulary,
    other_tokenizer,
)
from stoa.compute.training.pretraining.engine import Engine, Step
from stoa.compute.training.pretraining.flops import cost
from stoa.compute.training.pretraining.interfaces import Batch
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.presence import EXIT_STOPPED, Presence
from stoa.compute.training.pretraining.recipe import Recipe, TokenizerRecipe
from stoa.core.jobs.folder import RunFolder

MODEL = "model"  # folder of the finished model among the artefacts


class Run:
    """One training run in a folder, seen from one rank."""

    def __init__(
        self, folder: RunFolder, recipe: Recipe, world: sharding.World, presence: Presence
    ) -> None:
        """Get everything ready; every rank together.

        Raises:
            InvalidInput: the recipe does not fit the processes, the data or the tokenizer.
            SetupError: the folder cannot be written.
        """
        self.folder, self.recipe, self.world = folder, recipe, world
        self.presence = presence
        resolve(recipe, world.size)  # refused before data are touched
        check_compiler(recipe, world.device)
        place = Path(recipe.data.folder) if recipe.data.folder else folder.path / "data"
        with presence.busy():
            self.prepared: Prepared = prepare(recipe.data, place)
        check_tokenizer(recipe, self.prepared.vocabulary)
        rows = build.padded(recipe, self.prepared.vocabulary.size)
        self.layout = resolve(recipe, world.size, rows)
        self.loader = Loader(
            self.prepared,
            sequences=recipe.batch.sequences,
            rank=self.layout.data_rank(world.rank),
            ranks=self.layout.data,
            seed=recipe.seed,
            gather=_gather,
        )
        self.engine = Engine(recipe, self.layout, world, rows)
        self.cost = cost(recipe.model, rows, recipe.data.sequence)
        tflops, self._peak_words = peak.peak_tflops(
            world.device, self.engine.model.dtype, recipe.efficiency.peak_tflops
        )
        self.board = Board(folder, self.cost, tflops, world.size, writes=world.first)
        self.checkpoints = Checkpointer(folder.checkpoints, recipe.checkpoints)
        self._peak = tflops

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.loader.close()
        self.board.close()
        self.checkpoints.close()

    def train(self) -> None:
        """To the last step, and finish the folder.

        Raises:
            InvalidInput: the watch stopped the run; says why.
            SystemExit: with EXIT_STOPPED, asked to stop, and saved.
        """
        restored = self.checkpoints.load(_Kept(self))
        self._introduce(restored.step if restored else None)
        self.board.open(self.engine.steps, tensorboard=self.recipe.log.tensorboard)
        self.presence.ready(self.engine.steps)
        last = self.recipe.schedule.steps
        saved = self.engine.steps if restored else None
        while self.engine.steps < last:
            step = self.engine.step(self.loader.next(), stop_asked=self.presence.stop_asked)
            self.presence.stepped(step.number)
            self._after(step)
            if step.stop_asked or self._due(self.recipe.checkpoints.every, step.number):
                self._save(wait=step.stop_asked)
                saved = self.engine.steps
            if step.stop_asked and self.engine.steps < last:
                self.presence.stopped(step.number)
                self.board.say(f"stopped on request behind step {step.number}, and saved")
                raise SystemExit(EXIT_STOPPED)
        if saved != last:
            self._save(wait=False)
        self.presence.done(last)
        with self.presence.busy():
            self._finish()

    def validate(self, batches: int) -> float | None:
        """Loss on held-out tokens, the same on every layout; None where none are held out."""
        found = self._validation(batches)
        first = next(found, None)
        if first is None:
            return None
        return self.engine.evaluate(_chain(first, found))

    def _after(self, step: Step) -> None:
        """What the watch found, the figures, and the validation loss, as they are due."""
        self.board.made(step)
        verdict = step.verdict
        if verdict.reason:
            self.board.say(f"step {step.number}: {verdict.reason}; {verdict.action}")
        if verdict.action == "stop":
            raise InvalidInput(
                f"Training stopped at step {step.number}: {verdict.reason}.",
                hint="Lower optimiser.rate, or see [stability] in the recipe for what else can happen.",
            )
        if verdict.action == "roll_back":
            self._roll_back(step)
            return
        if verdict.alarm:
            factor = self.recipe.stability.alarm
            self.board.say(
                f"step {step.number}: alarm: the mean norm is {factor:g} times its lowest"
            )
        last = step.number == self.recipe.schedule.steps
        if last or verdict.spike or verdict.reason or self._due(self.recipe.log.every, step.number):
            norm = self.engine.parameter_norm()
            self.board.log(step, self.engine.watch, norm, self.recipe.schedule.steps)
        if not last and self._due(self.recipe.evaluation.every, step.number):
            loss = self.validate(self.recipe.evaluation.batches)
            if loss is not None:
                self._tell_validation(step.number, loss)
                self.board.say(f"step {step.number}: validation loss {loss:.4f}")

    def _tell_validation(self, step: int, loss: float) -> None:
        told = {"validation_loss": loss, "cpu_seconds": time.process_time()}
        self.board.write(step, told)

    def _due(self, every: int, step: int) -> bool:
        return every > 0 and step % every == 0

    def _roll_back(self, step: Step) -> None:
        """Weights of the last checkpoint, data from here on: what went wrong is not read again."""
        self.checkpoints.wait()
        restored = self.checkpoints.load(_Kept(self, rolls_back=True))
        if restored is None:
            raise InvalidInput(
                f"Step {step.number} went wrong ({step.verdict.reason}), and there is no checkpoint.",
                hint="Save more often (checkpoints.every), or choose another policy in [stability].",
            )
        self.presence.ready(restored.step)  # the ledger books the steps since then as lost
        self.board.open(restored.step, tensorboard=self.recipe.log.tensorboard)
        self.board.say(f"rolled back from step {step.number} to {restored.step}")

    def _save(self, *, wait: bool) -> None:
        with self.presence.saving(self.engine.steps):
            self.checkpoints.save(self.engine.steps, _Kept(self), wait=wait)

    def _finish(self) -> None:
        """Last validation, the model in Hugging Face's format, the result."""
        loss = self.validate(self.recipe.evaluation.final_batches)
        if loss is not None:
            self._tell_validation(self.engine.steps, loss)
        if self.recipe.checkpoints.export:
            self.export(self.folder.artefacts / MODEL)
        self.checkpoints.wait()
        sharding.barrier()
        if not self.world.first:
            return
        metrics = {"steps": float(self.engine.steps), "tokens": float(self.engine.tokens)}
        if loss is not None:
            metrics["validation_loss"] = loss
            self.board.say(f"done: validation loss {loss:.4f}")
        metrics |= self.engine.watch.summary()
        self.folder.finish(metrics, self._facts())

    def export(self, folder: Path) -> None:
        """Write the model as `LlamaForCausalLM` and its tokenizer; every rank together."""
        found = build.whole_weights(self.engine.model, keep=self.world.first)
        if not self.world.first:
            return
        weights.save(folder, found, self.engine.model.config, self.engine.model.dtype)
        tokenizer = folder / "tokenizer.json"
        self.prepared.vocabulary.save(tokenizer)
        PreTrainedTokenizerFast(tokenizer_file=str(tokenizer)).save_pretrained(folder)
        self.prepared.vocabulary.save(tokenizer)  # as it was trained with, to the letter

    def _facts(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "layout": {name: getattr(self.layout, name) for name in _LAYOUT},
            "parameters": self.cost.parameters,
            "flops_per_token": {
                "model": self.cost.model,
                "with_attention": self.cost.with_attention,
            },
            "peak_tflops": self._peak,
            "peak_from": self._peak_words,
            "device": _device_name(self.world.device),
        }

    def _introduce(self, restored: int | None) -> None:
        """Print and keep the whole recipe, and say what it comes to."""
        if not self.world.first:
            return
        text = self.recipe.to_toml()
        (self.folder.artefacts / "recipe.toml").write_text(text, encoding="utf-8")
        self.board.say(text)
        grid = self.layout
        self.board.say(
            f"{self.cost.parameters:,} parameters on {grid.replicate} × {grid.shard} × {grid.tensor} "
            f"processes (replicate × shard × tensor), {self.recipe.tokens_per_step:,} tokens a step in "
            f"{grid.accumulation} micro-batches of {grid.micro}; {self.cost.model:,} FLOP a token (6N), "
            f"{self.cost.with_attention:,} with attention; at best {self._peak:.3g} TFLOP/s "
            f"({self._peak_words})"
        )
        if restored is not None:
            self.board.say(f"goes on behind step {restored}")

    def _validation(self, batches: int) -> Iterator[Batch]:
        """This rank's share of held-out batches; together they are the same on every layout."""
        size = self.recipe.batch.sequences
        share = size // self.layout.data
        first = self.layout.data_rank(self.world.rank) * share
        rows = slice(first, first + share)
        for batch in islice(validation(self.prepared, sequences=size), batches or None):
            documents = None if batch.documents is None else batch.documents[rows]
            yield Batch(batch.tokens[rows], batch.labels[rows], documents)


class _Kept:
    """What a checkpoint keeps of a run: see `interfaces.Kept`."""

    def __init__(self, run: Run, *, rolls_back: bool = False) -> None:
        self._run = run
        self._rolls_back = rolls_back

    def tensors(self) -> dict[str, Tensor]:
        return self._run.engine.tensors()

    def values(self) -> dict[str, Any]:
        return {"engine": self._run.engine.values(), "data": self._run.loader.state()}

    def restore(self, values: dict[str, Any]) -> None:
        self._run.engine.restore(values["engine"], rolled_back=self._rolls_back)
        if not self._rolls_back:
            self._run.loader.restore(values["data"])


def check_tokenizer(recipe: Recipe, vocabulary: Vocabulary) -> None:
    """Refuse a tokenizer that the model has no rows for, or that the model to start from was not made with."""
    rows = recipe.model.vocabulary
    if rows is not None and rows < vocabulary.size:
        raise InvalidInput(
            f"The tokenizer has {vocabulary.size} tokens, and model.vocabulary only {rows} rows.",
            hint="Leave model.vocabulary out, or name the tokenizer that the model was made for.",
        )
    if recipe.model.start_from is None:
        return
    there = Path(recipe.model.start_from) / "tokenizer.json"
    if not there.is_file():
        return
    its = TokenizerRecipe(kind="file", path=str(there))
    if open_vocabulary(its, None, there, ()).hash != vocabulary.hash:
        raise other_tokenizer(f"The model in {recipe.model.start_from}")


_LAYOUT = ("replicate", "shard", "tensor", "micro", "accumulation", "sequence_parallel")


def _gather(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of all ranks, on every rank."""
    if not dist.is_initialized():
        return [values]
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, values)
    return found


def _chain(first: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield first
    yield from rest


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
