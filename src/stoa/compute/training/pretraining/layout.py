"""What a recipe means for a number of processes, and whether it fits: said before anything starts.

Processes form a grid of replicate × shard × tensor. Ranks that differ in `tensor` share the same sequences;
all others see different ones, so the data-parallel degree is replicate × shard, never the number of
processes. Knows nothing of torch: the planner asks here too.
"""

from dataclasses import dataclass
from math import gcd

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.recipe import ModelRecipe, Recipe


@dataclass(frozen=True)
class Layout:
    """The grid, and the share of a step that each process works on."""

    replicate: int
    shard: int
    tensor: int
    micro: int  # sequences of one micro-batch on one device
    accumulation: int  # micro-batches a step
    sequence_parallel: bool

    @property
    def world(self) -> int:
        """Number of processes."""
        return self.replicate * self.shard * self.tensor

    @property
    def data(self) -> int:
        """Data-parallel degree: groups of processes that see different sequences."""
        return self.replicate * self.shard

    def data_rank(self, rank: int) -> int:
        """Which share of the sequences a process works on; tensor is the innermost of the grid."""
        return rank // self.tensor


def blocks(model: ModelRecipe) -> int:
    """Parts that fused gate and up rows are interleaved by, so that any divisor of it can share them."""
    return gcd(model.mlp, model.key_value_heads)


def resolve(recipe: Recipe, world: int, vocabulary: int | None = None) -> Layout:
    """The layout of a recipe on `world` processes.

    Args:
        vocabulary: rows of the embedding, once the tokenizer is known.

    Raises:
        InvalidInput: the recipe does not fit the processes or the model; the message says where.
    """
    grid = recipe.layout
    shard = grid.shard if grid.shard is not None else world // (grid.tensor * grid.replicate)
    if grid.replicate * shard * grid.tensor != world:
        raise InvalidInput(
            f"The layout needs {grid.replicate} × {max(shard, 1)} × {grid.tensor} processes "
            f"(replicate × shard × tensor), and there are {world}.",
            hint="Start that many processes, or leave layout.shard out to use all.",
        )
    _check_model(recipe.model)
    _check_tensor(recipe, vocabulary)
    data = grid.replicate * shard
    parts = data * recipe.batch.accumulation
    if recipe.batch.sequences % parts:
        raise InvalidInput(
            f"{recipe.batch.sequences} sequences a step do not divide over {data} data-parallel "
            f"processes with {recipe.batch.accumulation} micro-batches each.",
            hint=f"Make batch.sequences a multiple of {parts}.",
        )
    return Layout(
        replicate=grid.replicate,
        shard=shard,
        tensor=grid.tensor,
        micro=recipe.batch.sequences // parts,
        accumulation=recipe.batch.accumulation,
        sequence_parallel=grid.sequence_parallel,
    )


def _check_model(model: ModelRecipe) -> None:
    if model.hidden % model.heads or (model.hidden // model.heads) % 2:
        raise InvalidInput(
            f"model.hidden {model.hidden} over {model.heads} heads gives no even width per head.",
            hint="Make hidden a multiple of twice the number of heads.",
        )
    if model.heads % model.key_value_heads:
        raise InvalidInput(
            f"{model.heads} heads cannot share {model.key_value_heads} key-value heads evenly.",
            hint="Make model.heads a multiple of model.kv_heads.",
        )


def _check_tensor(recipe: Recipe, vocabulary: int | None) -> None:
    """Whether every matrix that is shared divides."""
    tensor = recipe.layout.tensor
    if recipe.layout.sequence_parallel and tensor == 1:
        raise InvalidInput(
            "layout.sequence_parallel cuts along layout.tensor, which is 1.",
            hint="Set layout.tensor to 2 or more, or leave sequence_parallel out.",
        )
    if tensor == 1:
        return
    model = recipe.model
    shared = {
        "model.heads": model.heads,
        "model.kv_heads": model.key_value_heads,
        "the blocks of the MLP (gcd of model.intermediate and model.kv_heads)": blocks(model),
    }
    if vocabulary is not None:
        shared["the vocabulary"] = vocabulary
    if recipe.layout.sequence_parallel:
        shared["data.sequence"] = recipe.data.sequence
    for name, size in shared.items():
        if size % tensor:
            hint = "Choose a layout.tensor that divides it."
            if name == "the vocabulary":
                hint = f"Set model.vocabulary_multiple to {tensor}, which pads the vocabulary."
            raise InvalidInput(
                f"layout.tensor {tensor} does not divide {name}, which is {size}.", hint=hint
            )
