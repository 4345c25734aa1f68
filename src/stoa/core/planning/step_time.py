"""Seconds of one optimiser step of a layout, and where they go.

The slowest pipeline stage sets the pace: the last one also scores the vocabulary. Gradients are exchanged
behind the backward pass as far as it lasts; sharded weights are gathered behind the work of the layer
before.
"""

from dataclasses import dataclass

from stoa.core.planning.hardware import Cluster
from stoa.core.planning.layer_time import head_time, layer_time
from stoa.core.planning.layout import Layout
from stoa.core.planning.memory import MIXED, Precision, stage_parameters
from stoa.core.planning.shapes import ModelShape

_OPTIMISER_READS = 38
"""Bytes a parameter that AdamW moves in mixed precision: gradient read for the norm and again, three
states read and written, the weight written, the gradient set to zero."""


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step, by what they are spent on."""

    products: float
    moves: float
    recompute: float
    exchange: float
    """With the tensor-parallel group."""
    bubble: float
    """Waiting for other pipeline stages."""
    pipeline: float
    """Sending between stages."""
    data: float
    """Exchange with the data-parallel group that nothing hides."""
    optimiser: float
    tokens: int
    """Of one step."""
    flops: float
    """Of one step and device, by the convention without attention."""
    flops_attention: float
    """The same with attention."""
    peak: float

    @property
    def total(self) -> float:
        """Seconds of the step."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, float]:
        """Seconds by part, in the order to show them."""
        return {
            "matrix products": self.products,
            "moving data": self.moves,
            "recomputation": self.recompute,
            "tensor exchange": self.exchange,
            "pipeline bubble": self.bubble,
            "pipeline sends": self.pipeline,
            "data exchange": self.data,
            "optimiser": self.optimiser,
        }

    @property
    def tokens_per_second(self) -> float:
        """Of the whole cluster."""
        return self.tokens / self.total

    @property
    def mfu(self) -> float:
        """Share of the peak: 6 FLOP a parameter and token."""
        return self.flops / self.total / self.peak

    @property
    def mfu_attention(self) -> float:
        """The same with attention's FLOP counted."""
        return self.flops_attention / self.total / self.peak


def step_time(
    shape: ModelShape, layout: Layout, cluster: Cluster, precision: Precision = MIXED
) -> StepTime:
    """What one step takes."""
    device = cluster.device
    layer = layer_time(shape, layout, cluster)
    forward, backward = head_time(shape, layout, device)
    head = forward + backward
    layers = shape.layers / layout.pipeline
    work = layer.forward + layer.backward
    ends = head if layout.pipeline == 1 else head * 0.0
    pace = layers * (work.total + layer.again.total)
    count = layout.accumulation
    per_stage = (work * layers + ends) * count
    sends, waits = _pipeline(shape, layout, cluster, pace, head.total)
    states = stage_parameters(shape, layout)
    shared = layout.data if layout.sharding != "none" else 1
    tokens = layout.batch * shape.sequence
    flops = tokens / layout.devices
    return StepTime(
        products=per_stage.products,
        moves=per_stage.moves,
        recompute=layer.again.total * layers * count,
        exchange=per_stage.exchange,
        bubble=waits,
        pipeline=sends,
        data=_data(shape, layout, cluster, layer.backward.total * layers, pace, precision),
        optimiser=device.move(_OPTIMISER_READS * precision.optimiser / 12 * states / shared),
        tokens=tokens,
        flops=flops * shape.flops_per_token(attention=False),
        flops_attention=flops * shape.flops_per_token(),
        peak=device.peak,
    )


def _pipeline(
    shape: ModelShape, layout: Layout, cluster: Cluster, pace: float, head: float
) -> tuple[float, float]:
    """Seconds of sends that nothing hides, and of waiting: the ramp, and for the stage with the head."""
    if layout.pipeline == 1:
        return 0.0, 0.0
    across = layout.tensor * layout.pipeline > cluster.per_node
    size = 2 * layout.micro_batch * shape.sequence * shape.hidden / layout.tensor
    count = layout.accumulation
    sends = 2 * count * layout.interleave * cluster.send(size, across=across)
    ramp = (layout.pipeline - 1) / layout.interleave * pace
    return sends, ramp + count * head


def _data(
    shape: ModelShape,
    layout: Layout,
    cluster: Cluster,
    backward: float,
    pace: float,
    precision: Precision,
) -> float:
    """Seconds of the data-parallel exchange that lie open."""
    if layout.data == 1:
        return 0.0
    held, stride = stage_parameters(shape, layout), layout.tensor
    weights, gradients = precision.weight * held, precision.gradient * held
    if layout.sharding == "full":
        once = 2 * cluster.gather(weights, layout.data, stride=stride)
        once += cluster.gather(
            weights, layout.data, stride=stride
        )  # gradients, in the weights' type
        first = cluster.gather(weights / shape.layers, layout.data, stride=stride)
        return layout.accumulation * (max(0.0, once - pace) + first)
    reduced = cluster.reduce(gradients, layout.data, stride=stride)
    if layout.sharding == "optimiser":
        scattered = cluster.gather(gradients, layout.data, stride=stride)
        return max(0.0, scattered - backward) + cluster.gather(weights, layout.data, stride=stride)
    return max(reduced / 10, reduced - backward)  # the last bucket always lies open
