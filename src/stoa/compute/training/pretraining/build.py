"""From a recipe to a model that stands on its devices with its first weights.

The model is made on the meta device, laid over the processes, and then filled parameter by parameter: every
rank draws the same full tensor from a seed of the parameter's name and keeps its part. So the first weights
are the same on every layout, and no process holds the whole model, unless it starts from one on disk.
"""

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaConfig

from stoa.compute.training.pretraining import sharding, weights
from stoa.compute.training.pretraining.layout import Layout, blocks
from stoa.compute.training.pretraining.model import Layer, Llama
from stoa.compute.training.pretraining.recipe import Recipe

_ENDS_A_BRANCH = ("o_proj.weight", "down_proj.weight")


def config_of(recipe: Recipe, vocabulary: int) -> LlamaConfig:
    """The model's configuration as transformers writes it.

    Args:
        vocabulary: rows of the embedding, padding included (see `padded`).
    """
    model = recipe.model
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=model.hidden,
        intermediate_size=model.mlp,
        num_hidden_layers=model.layers,
        num_attention_heads=model.heads,
        num_key_value_heads=model.key_value_heads,
        head_dim=model.hidden // model.heads,
        max_position_embeddings=recipe.data.sequence,
        rms_norm_eps=model.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": model.rope_theta},
        tie_word_embeddings=model.tie_embeddings,
        initializer_range=model.initializer_range,
        use_cache=False,
        attn_implementation=recipe.efficiency.attention,
    )
    config.mlp_blocks = blocks(model)
    return config


def padded(recipe: Recipe, tokens: int) -> int:
    """Rows of the embedding for a tokenizer of so many tokens."""
    multiple = recipe.model.vocabulary_multiple
    return -(-(recipe.model.vocabulary or tokens) // multiple) * multiple


def build(
    recipe: Recipe, layout: Layout, world: sharding.World, vocabulary: int
) -> tuple[Llama, sharding.Mesh]:
    """The model on its devices, with its first weights, and the groups it talks over."""
    config = config_of(recipe, vocabulary)
    reduced = recipe.precision.kind != "float32"
    with torch.device("meta"):
        model = Llama(config)
    model.to(torch.bfloat16 if reduced else torch.float32)
    mesh = sharding.lay(model, layout, reduced_precision=reduced)
    model.to_empty(device=world.device)
    if recipe.model.start_from is not None:
        _start_from(model, weights.load(Path(recipe.model.start_from), config))
    else:
        _draw(model, recipe)
    model.compiled = recipe.efficiency.compile
    model.lm_head.chunks = recipe.efficiency.loss_chunks
    for layer in model.model.layers:
        assert isinstance(layer, Layer)
        layer.recompute = recipe.efficiency.recompute
        if recipe.efficiency.compile:
            layer.compile()
    return model, mesh


def whole_weights(model: Llama, *, keep: bool) -> weights.Weights:
    """Every parameter in full, on the CPU. All ranks have to ask; those that do not keep get nothing."""
    found: weights.Weights = {}
    for name, parameter in model.named_parameters():
        whole = sharding.full(parameter.detach())
        if keep:
            found[name] = whole.cpu()
    return found


def _draw(model: Llama, recipe: Recipe) -> None:
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:  # norms start at one
            sharding.fill(parameter, torch.ones(parameter.shape, device=parameter.device))
            continue
        std = recipe.model.initializer_range
        if recipe.model.scaled_init and name.endswith(_ENDS_A_BRANCH):
            std /= math.sqrt(2 * recipe.model.layers)
        sharding.fill(parameter, drawn(name, recipe.seed, tuple(parameter.shape), std))


def drawn(name: str, seed: int, shape: tuple[int, ...], std: float) -> Tensor:
    """Normal numbers that depend on nothing but the arguments, in float32 on the CPU."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.empty(shape).normal_(0.0, std, generator=generator)


def _start_from(model: Llama, found: weights.Weights) -> None:
    for name, parameter in model.named_parameters():
        sharding.fill(parameter, found[name].to(parameter.dtype))
