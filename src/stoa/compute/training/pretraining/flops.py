"""Parameters and floating-point operations of a model, by both conventions in use.

`model`: 6 per parameter and token (2 forwards, 4 backwards), embeddings that are only looked up left out.
`with attention`: beside it the products of queries with keys and of weights with values, 12 · layers ·
width · tokens of the sequence for each token, as PaLM (appendix B) and nanoGPT count. Recomputation counts
in neither: MFU is about useful work.
"""

from dataclasses import dataclass

from stoa.compute.training.pretraining.recipe import ModelRecipe


@dataclass(frozen=True)
class Cost:
    """What one token costs in training."""

    parameters: int  # all
    active: int  # those that a token is multiplied with
    model: int  # 6 × active
    with_attention: int


def cost(model: ModelRecipe, vocabulary: int, sequence: int) -> Cost:
    """Counts for a dense model of the Llama type."""
    head = model.hidden // model.heads
    attention = model.hidden * head * (2 * model.heads + 2 * model.key_value_heads)
    layer = attention + 3 * model.hidden * model.mlp + 2 * model.hidden
    body = model.layers * layer + model.hidden
    table = vocabulary * model.hidden
    active = body + table  # the table is multiplied with once, as the head
    total = active if model.tie_embeddings else active + table
    pairs = 12 * model.layers * model.hidden * sequence
    return Cost(total, active, 6 * active, 6 * active + pairs)
