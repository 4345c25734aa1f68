"""Seconds one transformer layer takes on one device: matrix products, moved bytes, exchanged bytes.

Every product is given its own shape, so that narrow ones cost what they cost. Kernels that only move
data are counted by the bytes they read and write, as fused kernels of the family do it.
"""

from dataclasses import dataclass

from stoa.core.planning.hardware import Cluster, Device
from stoa.core.planning.layout import Layout
from stoa.core.planning.shapes import ModelShape


@dataclass(frozen=True)
class Seconds:
    """Where time goes: in matrix products, in moving data, in exchanging it with the tensor group."""

    products: float = 0.0
    moves: float = 0.0
    exchange: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.products + self.moves + self.exchange

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(
            self.products + other.products,
            self.moves + other.moves,
            self.exchange + other.exchange,
        )

    def __mul__(self, factor: float) -> "Seconds":
        return Seconds(self.products * factor, self.moves * factor, self.exchange * factor)


@dataclass(frozen=True)
class LayerTime:
    """One micro-batch through one layer."""

    forward: Seconds
    backward: Seconds
    """Without recomputation."""
    again: Seconds
    """What recomputation repeats in the backward pass."""


def layer_time(shape: ModelShape, layout: Layout, cluster: Cluster) -> LayerTime:
    """The three parts of a layer's time."""
    attention_forward, attention_backward = _attention(shape, layout, cluster.device)
    moves_forward, moves_backward = _moves(shape, layout, cluster.device)
    exchanged = _exchange(shape, layout, cluster)
    forward = Seconds(_products(shape, layout, cluster.device), moves_forward, exchanged)
    forward += attention_forward
    projections = forward.products - attention_forward.products
    behind = cluster.device.hidden_cost * _gathered_again(shape, layout, cluster)
    backward = Seconds(2 * projections, moves_backward, exchanged + behind) + attention_backward
    again = Seconds()
    if layout.recompute == "full":
        again = forward
    elif layout.recompute == "selective":
        again = attention_forward if shape.family == "gpt" else Seconds(moves=moves_forward * 0.5)
    return LayerTime(forward, backward, again)


def head_time(shape: ModelShape, layout: Layout, device: Device) -> tuple[Seconds, Seconds]:
    """Forward and backward of the scores over the vocabulary and their loss, in FP32 scores."""
    rows, columns = layout.micro_batch * shape.sequence, shape.vocabulary / layout.tensor
    product = device.product(rows, columns, shape.hidden)
    scores = rows * columns
    return Seconds(product, device.move(10 * scores)), Seconds(
        2 * product, device.move(10 * scores)
    )


def _products(shape: ModelShape, layout: Layout, device: Device) -> float:
    """Of the four projections, forward."""
    rows, h, t = layout.micro_batch * shape.sequence, shape.hidden, layout.tensor
    up = 2 if shape.family == "llama" else 1
    return (
        device.product(rows, (h + 2 * shape.kv_width) / t, h)
        + device.product(rows, h, h / t)
        + device.product(rows, up * shape.feed_forward / t, h)
        + device.product(rows, h, shape.feed_forward / t)
    )


def _attention(shape: ModelShape, layout: Layout, device: Device) -> tuple[Seconds, Seconds]:
    """Forward and backward of what lies between the projections."""
    s, heads = shape.sequence, layout.micro_batch * shape.heads / layout.tensor
    width = shape.hidden / shape.heads
    if shape.family == "llama":  # fused: nothing of size s² is moved, and half is masked away
        work = 2 * s * s * width * heads
        fused = work / (device.peak * device.attention_share) + device.launch
        return Seconds(fused), Seconds(2.5 * fused)
    product = device.product(s, s, width, count=heads) + device.product(s, width, s, count=heads)
    matrix = heads * s * s
    softmax, dropout = 4 * matrix, 5 * matrix
    forward = Seconds(product, device.move(softmax + dropout))
    return forward, Seconds(2 * product, device.move(6 * matrix + 5 * matrix))


def _moves(shape: ModelShape, layout: Layout, device: Device) -> tuple[float, float]:
    """Forward and backward of norms, residuals and the feed-forward's function.

    Bytes a number: a norm reads and writes (4), going back it reads two and writes one (6); dropout and
    residual read two and write one and a mask (7), back 3 and an addition (8).
    """
    rows, h, t = layout.micro_batch * shape.sequence, shape.hidden, layout.tensor
    own = rows * h / (t if layout.sequence_parallel else 1)
    inner = rows * shape.feed_forward / t
    if shape.family == "llama":
        turned = rows * (h + shape.kv_width) / t
        forward = 2 * 4 * own + 2 * 6 * own + 6 * inner + 4 * turned
        return device.move(forward), device.move(
            2 * 6 * own + 2 * 6 * own + 10 * inner + 4 * turned
        )
    qkv = 3 * rows * h / t
    forward = 2 * 4 * own + 2 * 7 * own + 4 * inner + 4 * qkv
    return device.move(forward), device.move(2 * 6 * own + 2 * 8 * own + 6 * inner + 4 * qkv)


def _exchange(shape: ModelShape, layout: Layout, cluster: Cluster) -> float:
    """Of one direction: two all-reduces, or as many gathers and scatters, which are as long."""
    if layout.tensor == 1:
        return 0.0
    size = 2 * layout.micro_batch * shape.sequence * shape.hidden
    return 2 * cluster.reduce(size, layout.tensor)


def _gathered_again(shape: ModelShape, layout: Layout, cluster: Cluster) -> float:
    """Sequence parallelism keeps only its part of both inputs, and gathers them for the weights'
    gradients while the inputs' are computed (Korthikanti et al. 2022, section 4.2.2)."""
    if not layout.sequence_parallel:
        return 0.0
    size = 2 * layout.micro_batch * shape.sequence * shape.hidden
    return 2 * cluster.gather(size, layout.tensor)
