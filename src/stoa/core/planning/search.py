"""All layouts of a model on a cluster: which fit, which is fastest, and what holds the best one back."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from stoa.core.planning.hardware import GB, Cluster
from stoa.core.planning.layout import Layout, Recompute, Sharding
from stoa.core.planning.memory import MIXED, MemoryUse, Precision, memory_use
from stoa.core.planning.shapes import ModelShape
from stoa.core.planning.step_time import StepTime, step_time

_MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
_INTERLEAVES = (1, 2, 3, 4, 6, 8)
_RECOMPUTE: tuple[Recompute, ...] = ("none", "selective", "full")
_SHARDING: tuple[Sharding, ...] = ("none", "optimiser", "full")
_USABLE = 0.92
"""Of the memory: what allocator, kernels and communication leave."""
_MANY_STAGES = 128


@dataclass(frozen=True)
class Planned:
    """One layout with what it costs."""

    layout: Layout
    memory: MemoryUse
    time: StepTime


@dataclass(frozen=True)
class Found:
    """Layouts that fit, the fastest first, and the others counted."""

    best: list[Planned]
    looked_at: int
    too_large: int
    leanest: Planned | None
    """The one that takes least memory, where none fits."""
    reasons: list[str] = field(default_factory=list)
    """What bounds the best one, in sentences; or why there is none."""


def usable_memory(cluster: Cluster) -> float:
    """Bytes of a device that a layout may fill."""
    return cluster.device.memory * _USABLE


def layouts(
    shape: ModelShape, cluster: Cluster, batch: int, *, pipelines: bool
) -> Iterator[Layout]:
    """Every layout that divides the model and the batch. Tensor parallelism stays inside a node."""
    for tensor in _divisors(cluster.per_node):
        for pipeline in _divisors(cluster.devices // tensor) if pipelines else [1]:
            if pipeline > _MANY_STAGES or shape.layers % pipeline:
                continue
            data = cluster.devices // tensor // pipeline
            for micro in _MICRO_BATCHES:
                if batch % (data * micro):
                    continue
                yield from _variants(shape, cluster, tensor, pipeline, data, micro, batch)


def _variants(
    shape: ModelShape,
    cluster: Cluster,
    tensor: int,
    pipeline: int,
    data: int,
    micro: int,
    batch: int,
) -> Iterator[Layout]:
    accumulation = batch // (data * micro)
    for interleave in _INTERLEAVES if pipeline > 1 else (1,):
        for sequence in (True, False) if tensor > 1 else (False,):
            for recompute in _RECOMPUTE:
                for sharding in _SHARDING if data > 1 else ("none",):
                    layout = Layout(
                        tensor, pipeline, data, sequence, micro, accumulation, interleave,
                        recompute, sharding,
                    )  # fmt: skip
                    if not layout.problems(shape, cluster):
                        yield layout


def search(
    shape: ModelShape,
    cluster: Cluster,
    batch: int,
    *,
    precision: Precision = MIXED,
    pipelines: bool = True,
    show: int = 10,
) -> Found:
    """Try them all. `batch`: sequences a step."""
    room = usable_memory(cluster)
    fitting: list[Planned] = []
    leanest: tuple[float, Layout] | None = None
    looked_at = too_large = 0
    for layout in layouts(shape, cluster, batch, pipelines=pipelines):
        looked_at += 1
        used = memory_use(shape, layout, precision)
        if leanest is None or used.total < leanest[0]:
            leanest = used.total, layout
        if used.total > room:
            too_large += 1
            continue
        fitting.append(Planned(layout, used, step_time(shape, layout, cluster, precision)))
    fitting.sort(key=lambda each: each.time.total)
    least = planned(shape, leanest[1], cluster, precision) if leanest else None
    return Found(
        best=fitting[:show],
        looked_at=looked_at,
        too_large=too_large,
        leanest=None if fitting else least,
        reasons=_reasons(fitting, least, cluster, batch),
    )


def planned(
    shape: ModelShape, layout: Layout, cluster: Cluster, precision: Precision = MIXED
) -> Planned:
    """One layout's memory and time."""
    return Planned(
        layout,
        memory_use(shape, layout, precision),
        step_time(shape, layout, cluster, precision),
    )


def _reasons(
    fitting: list[Planned], least: Planned | None, cluster: Cluster, batch: int
) -> list[str]:
    if least is None:
        return [
            f"No layout divides the model and a batch of {batch} over {cluster.devices} devices. "
            "A batch that is a multiple of the devices always has one."
        ]
    room = usable_memory(cluster)
    if not fitting:
        return [
            f"Nothing fits: the leanest layout ({least.layout.told()}) takes "
            f"{least.memory.total / GB:.1f} GB of {room / GB:.1f} GB a device."
        ]
    best = fitting[0]
    parts = sorted(best.time.parts.items(), key=lambda each: -each[1])
    said = [
        f"{_share(seconds, best)} of the step goes into {name}."
        for name, seconds in parts[:3]
        if seconds > 0.02 * best.time.total
    ]
    others = [each for each in fitting if each.layout != best.layout]
    if others:
        slower = others[-1].time.total / best.time.total
        said.append(f"The slowest layout that fits takes {slower:.1f} times as long.")
    kinds = Counter(each.layout.recompute for each in fitting)
    if not kinds["none"] and best.layout.recompute != "none":
        said.append("Without recomputation nothing fits.")
    used = best.memory.total / room
    said.append(f"It fills {used:.0%} of the {room / GB:.1f} GB that a device can give.")
    return said


def _share(seconds: float, of: Planned) -> str:
    return f"{seconds / of.time.total:.0%}"


def _divisors(number: int) -> list[int]:
    return [each for each in range(1, number + 1) if number % each == 0]
