"""Bytes one device holds: weights, gradients, the optimiser's states, activations.

Activations of the `gpt` family are the formulas of Korthikanti et al. 2022, "Reducing Activation
Recomputation in Large Transformer Models" (equations 1–6 and appendix B). The `llama` family is counted
in the same way, tensor by tensor, for what the layer of `compute/training/pretraining` keeps uncompiled.
"""

from dataclasses import dataclass

from stoa.core.planning.layout import Layout
from stoa.core.planning.shapes import ModelShape

WEIGHT = 2
GRADIENT = 4
OPTIMISER = 12
"""Bytes a parameter: BF16 weights, FP32 gradients, FP32 master weights and two moments."""


@dataclass(frozen=True)
class Precision:
    """Bytes a parameter and a number."""

    weight: int = WEIGHT
    gradient: int = GRADIENT
    optimiser: int = OPTIMISER
    activation: int = 2


MIXED = Precision()
BFLOAT16 = Precision(weight=2, gradient=2, optimiser=4)
"""Weights, gradients and both moments in BF16, with stochastic rounding."""
FLOAT32 = Precision(weight=4, gradient=4, optimiser=8, activation=4)
PRECISIONS = {"mixed": MIXED, "bfloat16": BFLOAT16, "float32": FLOAT32}


@dataclass(frozen=True)
class MemoryUse:
    """Bytes on the fullest device."""

    weights: float
    gradients: float
    optimiser: float
    activations: float
    ends: float
    """Embedding dropout, last norm, and the scores over the vocabulary with their gradient."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.ends


def layer_activations(shape: ModelShape, layout: Layout) -> float:
    """Bytes that one layer keeps of one micro-batch until its backward pass, in two-byte numbers."""
    s, b, h, t = shape.sequence, layout.micro_batch, shape.hidden, layout.tensor
    whole = t if layout.sequence_parallel else 1
    if layout.recompute == "full":
        return 2 * s * b * h / whole
    if shape.family == "gpt":
        scores = 5 * shape.heads * s / (h * t) if layout.recompute == "none" else 0.0
        return s * b * h * (10 / whole + 24 / t + scores)
    kv, ff = shape.kv_width, shape.feed_forward
    products = 2 * (h + 2 * kv) + 2 * h + 4 * ff  # qkv, attention, gate and up
    if layout.recompute == "selective":  # and the layer's input, and what is added to it twice
        return s * b * (6 * h / whole + products / t)
    turned = 2 * (h + kv) + (2 * h if kv < h else 0)  # rotated; queries by groups are a copy
    gated = 4 * ff  # silu(gate), and its product with up
    return s * b * (8 * h / whole + (products + turned + gated) / t)


def activations(shape: ModelShape, layout: Layout) -> float:
    """Bytes of the layers' activations on the first stage, which holds the most.

    1F1B keeps as many micro-batches as there are stages, so all layers' worth; interleaving adds
    (p − 1) / (p · m) of it. With fewer micro-batches than stages there are only so many.
    """
    layers: float = shape.layers / layout.pipeline
    held = min(layout.pipeline, layout.accumulation)
    if layout.interleave > 1:
        held = layout.pipeline + (layout.pipeline - 1) / layout.interleave  # type: ignore[assignment]
    kept = layer_activations(shape, layout) * layers * held
    if layout.recompute == "full":  # one layer at a time is whole again while it is gone through
        kept += layer_activations(shape, _without_recompute(layout))
    return kept


def end_activations(shape: ModelShape, layout: Layout) -> float:
    """Bytes beside the layers: on one stage both ends, else the first stage's embedding dropout."""
    s, b, h, t = shape.sequence, layout.micro_batch, shape.hidden, layout.tensor
    whole = t if layout.sequence_parallel else 1
    dropout = s * b * h * layout.pipeline / whole if shape.family == "gpt" else 0.0
    if layout.pipeline > 1:
        return dropout
    return dropout + 4 * s * b * h / whole + 4 * s * b * shape.vocabulary / t


def memory_use(shape: ModelShape, layout: Layout, precision: Precision = MIXED) -> MemoryUse:
    """What the fullest device holds."""
    held = stage_parameters(shape, layout)
    states = held / (layout.data if layout.sharding != "none" else 1)
    if layout.sharding == "full":  # two layers are gathered at a time: one at work, one ahead
        gathered = 2 * shape.layer_parameters / layout.tensor
        weights = precision.weight * (states + min(gathered, held))
        gradients = precision.gradient * states + precision.weight * gathered / 2
    else:
        weights, gradients = precision.weight * held, precision.gradient * held
    wide = precision.activation / 2
    return MemoryUse(
        weights=weights,
        gradients=gradients,
        optimiser=precision.optimiser * states,
        activations=wide * activations(shape, layout),
        ends=wide * end_activations(shape, layout),
    )


def stage_parameters(shape: ModelShape, layout: Layout) -> float:
    """Parameters of the first stage (which has the embedding) on one tensor-parallel rank."""
    ends = 1 if shape.tied or layout.pipeline > 1 else 2
    layers = shape.layers / layout.pipeline * shape.layer_parameters
    return (layers + ends * shape.embedding_parameters) / layout.tensor


def _without_recompute(layout: Layout) -> Layout:
    return Layout(
        tensor=layout.tensor,
        sequence_parallel=layout.sequence_parallel,
        micro_batch=layout.micro_batch,
        recompute="none",
    )
