"""Plans a run before it starts: what a device must hold, what a step takes, which layout is best.

The formulas are in `core/planning`; here requests become shapes and clusters, and plans become words.
"""

import asyncio
import os
from dataclasses import replace
from functools import lru_cache
from time import perf_counter

import numpy as np

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.recipe import Recipe
from stoa.contract import Call
from stoa.core.planning.hardware import GB, Cluster, cluster_of, measured
from stoa.core.planning.layout import Layout
from stoa.core.planning.memory import PRECISIONS
from stoa.core.planning.search import Planned as PlannedLayout
from stoa.core.planning.search import planned, search, usable_memory
from stoa.core.planning.shapes import SHAPES, ModelShape
from stoa.solutions.pretrain_llm.choosing import greatest_vocabulary, named_recipe, recipe_names
from stoa.solutions.pretrain_llm.schema import LayoutView, Plan, Planned

_DAY = 86400.0
_MATRIX, _COPY, _TRIES = 768, 64 << 20, 3
_ASSUMED = [
    "Kernels are fused as in Megatron and in flash attention; eager code takes 20 to 30 % longer.",
    "Memory of a Llama is what a layer of our engine keeps uncompiled.",
    "Nodes are equal and alone on their network; tensor parallelism stays inside a node.",
    "Shares of the peaks that are reached were fitted on an A100; other devices are planned with theirs "
    "as far as published, else with the same.",
]
_HERE = (
    "Rates of this machine were measured for this plan, in FP32, with NumPy's own matrix product."
)


async def plan(call: Call, request: Plan) -> Planned:
    """Say before a run what a cluster needs for it: memory per device, step time, the best layouts, and
    what bounds them."""
    return await asyncio.to_thread(_planned, call, request)


def _planned(call: Call, request: Plan) -> Planned:
    shape = _shape(call, request)
    cluster = _cluster(request)
    precision = PRECISIONS[request.precision]
    problems: list[str] = []
    if request.tensor is None:
        found = search(
            shape, cluster, request.batch, precision=precision, pipelines=request.pipelines,
            show=request.show,
        )  # fmt: skip
        layouts, reasons = found.best, found.reasons
        looked_at, too_large = found.looked_at, found.too_large
    else:
        layout = _own_layout(request, cluster)
        problems = layout.problems(shape, cluster) + _batch_problems(request, layout)
        layouts = [] if problems else [planned(shape, layout, cluster, precision)]
        looked_at, too_large = 1, int(_is_too_large(layouts, cluster))
        reasons = ["It does not fit into a device's memory."] if too_large else []
    here = [_HERE] if request.cluster == "this_machine" else []
    return Planned(
        model=shape.name,
        parameters=shape.parameters,
        cluster=f"{cluster.nodes} × {cluster.per_node} {cluster.device.name}",
        devices=cluster.devices,
        usable_gb=round(usable_memory(cluster) / GB, 3),
        looked_at=looked_at,
        too_large=too_large,
        layouts=[_view(each, shape) for each in layouts],
        reasons=reasons,
        problems=problems,
        assumptions=_ASSUMED + here,
    )


def _shape(call: Call, request: Plan) -> ModelShape:
    if request.model in SHAPES:
        shape = SHAPES[request.model]
    elif request.model in recipe_names(call.platform.settings):
        shape = shape_of(named_recipe(call.platform.settings, request.model))
    else:
        raise InvalidInput(
            f"There is no model '{request.model}'.",
            hint=f"There are {', '.join(SHAPES)}, and the recipes.",
        )
    return replace(shape, sequence=request.sequence) if request.sequence else shape


def shape_of(recipe: Recipe) -> ModelShape:
    """What the planner needs of a recipe's model."""
    model = recipe.model
    return ModelShape(
        name=recipe.name,
        layers=model.layers,
        hidden=model.hidden,
        heads=model.heads,
        feed_forward=model.mlp,
        vocabulary=greatest_vocabulary(recipe),
        sequence=recipe.data.sequence,
        kv_heads=model.key_value_heads,
        tied=model.tie_embeddings,
    )


def _cluster(request: Plan) -> Cluster:
    if request.cluster != "this_machine":
        return cluster_of(request.cluster, request.nodes)
    if request.nodes > 1:
        raise InvalidInput("This machine is one node.", hint="Leave nodes at 1.")
    matrix, memory = _rates()
    size = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return measured(matrix_rate=matrix, memory_rate=memory, memory=size, link_rate=memory / 4)


@lru_cache(maxsize=1)
def _rates() -> tuple[float, float]:
    """FLOP/s of a matrix product and bytes/s of a copy: the best of a few short tries."""
    one = np.ones((_MATRIX, _MATRIX), np.float32)
    source = np.ones(_COPY // 8)
    target = np.empty_like(source)
    best_product = best_copy = float("inf")
    for _ in range(_TRIES):
        began = perf_counter()
        one @ one
        best_product = min(best_product, perf_counter() - began)
        began = perf_counter()
        np.copyto(target, source)
        best_copy = min(best_copy, perf_counter() - began)
    return 2 * _MATRIX**3 / best_product, 2 * _COPY / best_copy


def _own_layout(request: Plan, cluster: Cluster) -> Layout:
    tensor = request.tensor or 1
    data = max(1, cluster.devices // (tensor * request.pipeline))
    return Layout(
        tensor=tensor,
        pipeline=request.pipeline,
        data=data,
        sequence_parallel=request.sequence_parallel,
        micro_batch=request.micro_batch,
        accumulation=max(1, request.batch // (data * request.micro_batch)),
        interleave=request.interleave,
        recompute=request.recompute,
        sharding=request.sharding if data > 1 else "none",
    )


def _batch_problems(request: Plan, layout: Layout) -> list[str]:
    if layout.batch == request.batch:
        return []
    return [
        f"A batch of {request.batch} sequences doesn't divide by {layout.data} data-parallel devices "
        f"of {layout.micro_batch} sequences each."
    ]


def _is_too_large(layouts: list[PlannedLayout], cluster: Cluster) -> bool:
    return any(each.memory.total > usable_memory(cluster) for each in layouts)


def _view(found: PlannedLayout, shape: ModelShape) -> LayoutView:
    layout, memory, time = found.layout, found.memory, found.time
    parts = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimiser": memory.optimiser,
        "activations": memory.activations,
        "embedding and scores": memory.ends,
    }
    return LayoutView(
        layout=layout.told(),
        tensor=layout.tensor,
        pipeline=layout.pipeline,
        data=layout.data,
        sequence_parallel=layout.sequence_parallel,
        micro_batch=layout.micro_batch,
        accumulation=layout.accumulation,
        interleave=layout.interleave,
        recompute=layout.recompute,
        sharding=layout.sharding,
        runs_here=shape.family == "llama"
        and layout.pipeline == 1
        and (layout.data == 1 or layout.sharding == "full"),
        memory_gb={name: round(size / GB, 4) for name, size in parts.items()},
        memory_total_gb=round(memory.total / GB, 4),
        step_seconds={name: round(seconds, 6) for name, seconds in time.parts.items()},
        step_total_seconds=round(time.total, 6),
        tokens_per_second=round(time.tokens_per_second, 1),
        mfu=round(time.mfu, 4),
        mfu_attention=round(time.mfu_attention, 4),
        days_per_trillion_tokens=round(1e12 / time.tokens_per_second / _DAY, 2),
    )
