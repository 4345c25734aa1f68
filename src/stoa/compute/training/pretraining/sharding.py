"""Lays a model over processes. The only file that knows transformers' interface for it, which is young.

`DistributedConfig` builds the mesh (replicate × shard × tensor), applies our plan of tensor-parallel styles
and wraps the layers with FSDP2. The styles are ours: transformers' own keep activations as distributed
tensors, which is slower, and have no working sequence parallelism.

What comes out, and the rest of the package relies on:

- a parameter is a plain tensor, or a DTensor whose local part is the shard of this rank;
- gradients are *summed* over data-parallel ranks, not averaged: the loss is divided by the tokens of the
  whole step, which is exact also where ranks count different numbers of tokens.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import ProcessGroup
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers.distributed import DistributedConfig
from transformers.distributed.parallel_utils import ALL_PARALLEL_STYLES
from transformers.distributed.tensor_parallel import (
    ColwiseParallel,
    EmbeddingParallel,
    RowwiseParallel,
)

from stoa.compute.training.pretraining import collectives
from stoa.compute.training.pretraining.layout import Layout
from stoa.compute.training.pretraining.model import Head, Llama, Norm, in_parts

TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class World:
    """This process among all."""

    rank: int
    size: int
    local_rank: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes for all."""
        return self.rank == 0


def join() -> World:
    """Meet the other processes that torchrun started; alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if size > 1 and not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(
            backend, timeout=TIMEOUT, device_id=device if backend == "nccl" else None
        )
    return World(rank, size, local, device)


def leave() -> None:
    """Part from the others."""
    if dist.is_initialized():
        dist.destroy_process_group()


def barrier() -> None:
    """Wait for the others."""
    if dist.is_initialized():
        dist.barrier()


@dataclass(frozen=True)
class Mesh:
    """Groups of ranks that the training step talks over; None where there is nobody to talk to."""

    tensor: ProcessGroup | None  # ranks that share every matrix
    sequence_parallel: bool

    def total(self, values: Tensor) -> Tensor:
        """In place, the sum over data-parallel ranks.

        All ranks talk, so that all hear of it when one is asked to stop; those that share matrices say the
        same, and are counted once.
        """
        if dist.is_initialized():
            dist.all_reduce(values)
            values /= 1 if self.tensor is None else self.tensor.size()
        return values

    def complete_gradients(self, model: nn.Module) -> None:
        """Norms under sequence parallelism saw their part of the sequence only: add the parts up."""
        if not self.sequence_parallel or self.tensor is None:
            return
        parts = [
            local(module.weight.grad)
            for module in model.modules()
            if isinstance(module, Norm) and module.weight.grad is not None
        ]
        flat = torch.cat([part.flatten() for part in parts])
        dist.all_reduce(flat, group=self.tensor)
        for part, whole in zip(parts, flat.split([part.numel() for part in parts]), strict=True):
            part.copy_(whole.view_as(part))


def lay(model: Llama, layout: Layout, *, reduced_precision: bool) -> Mesh:
    """Shard a model that is still on the meta device, and return the groups it talks over."""
    if layout.world == 1:
        return Mesh(None, False)
    wanted = DistributedConfig(
        tp_size=layout.tensor,
        fsdp_size=layout.shard,
        dp_replicate_size=layout.replicate,
        tp_plan=_tensor_plan(layout) if layout.tensor > 1 else None,
        fsdp_plan=_shard_plan(model),
        fsdp_mixed_precision=reduced_precision,  # gradients are reduced in float32
    )
    _, _, meshes = Llama.prepare_distribute_model(wanted)
    assert meshes is not None
    Llama.maybe_distribute_model(model, wanted, meshes)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            # Sums: a factor other than the group's size needs PREMUL_SUM, which gloo lacks.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    return Mesh(
        tensor=meshes.get_mesh("tp").get_group() if layout.tensor > 1 else None,
        sequence_parallel=layout.sequence_parallel,
    )


def hold_gradients(model: nn.Module, held: bool) -> None:
    """Whether gradients wait for the last micro-batch before ranks add them up."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(not held)


def local(tensor: Tensor) -> Tensor:
    """This rank's part."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def like(part: Tensor, whole: Tensor) -> Tensor:
    """A part of this rank as a tensor that lies as another does."""
    if not isinstance(whole, DTensor):
        return part
    return DTensor.from_local(
        part,
        whole.device_mesh,
        whole.placements,
        run_check=False,
        shape=whole.shape,
        stride=whole.stride(),
    )


def fill(parameter: Tensor, full: Tensor) -> None:
    """Put this rank's part of a full tensor, the same on every rank, into a parameter.

    Tensor parallelism cuts first and FSDP cuts what is left, so mesh dimensions are walked from the last.
    """
    part = full
    for index, size, dimension in reversed(list(cuts(parameter))):
        pieces = part.chunk(size, dim=dimension)
        empty = part.narrow(dimension, 0, 0)
        part = pieces[index] if index < len(pieces) else empty
    with torch.no_grad():
        local(parameter).copy_(part)


def cuts(parameter: Tensor) -> Iterable[tuple[int, int, int]]:
    """(index of this rank, number of parts, dimension) of every mesh dimension that a parameter is cut over."""
    if not isinstance(parameter, DTensor):
        return
    mesh = parameter.device_mesh
    for number, placement in enumerate(parameter.placements):
        if not placement.is_replicate():
            dimension: int = placement.dim  # type: ignore[attr-defined]
            yield mesh.get_local_rank(number), mesh.size(number), dimension


def coordinate(parameter: Tensor) -> int:
    """A number of this rank's shard; the same on ranks that hold copies of it."""
    found = 0
    for index, size, _ in cuts(parameter):
        found = found * size + index
    return found


def full(parameter: Tensor) -> Tensor:
    """The whole of a parameter; every rank has to ask."""
    return parameter.full_tensor() if isinstance(parameter, DTensor) else parameter


def groups_of_cuts(parameter: Tensor) -> list[ProcessGroup]:
    """Groups of ranks that hold different parts of a parameter."""
    if not isinstance(parameter, DTensor):
        return []
    return [
        parameter.device_mesh.get_group(number)
        for number, placement in enumerate(parameter.placements)
        if not placement.is_replicate()
    ]


def _tensor_plan(layout: Layout) -> dict[str, str]:
    kind = "stoa_sequence" if layout.sequence_parallel else "stoa"
    return {
        "model.embed_tokens": f"{kind}_embedding",
        "model.layers.*.self_attn.qkv_proj": f"{kind}_columns",
        "model.layers.*.self_attn.o_proj": f"{kind}_rows",
        "model.layers.*.mlp.gate_up_proj": f"{kind}_columns",
        "model.layers.*.mlp.down_proj": f"{kind}_rows",
        "lm_head": f"{kind}_head",
    }


def _shard_plan(model: Llama) -> dict[str, str]:
    plan = {
        "model.embed_tokens": "free_full_weight",
        "model.layers.*": "free_full_weight",
        "model.norm": "keep_full_weight",
        "lm_head": "keep_full_weight",
    }
    if model.lm_head.weight is None:  # the head uses the embedding's weight, so that stays
        del plan["lm_head"]
        plan["model.embed_tokens"] = "keep_full_weight"
    return plan


class _Columns(ColwiseParallel):  # type: ignore[misc]
    """Rows of the weight, thus columns of the output, are shared."""

    enter = staticmethod(collectives.copy_to_all)

    def should_use_local_tensors(self, module: nn.Module) -> bool:
        return True

    def transform_inputs_pre_forward(self, module: Any, args: Any, kwargs: Any, mesh: Any) -> Any:
        return (self.enter(args[0], mesh.get_group()), *args[1:]), kwargs

    def transform_output_post_forward(self, module: Any, output: Any, mesh: Any) -> Any:
        return output


class _Rows(RowwiseParallel):  # type: ignore[misc]
    """Columns of the weight, thus of the input, are shared; outputs are added up."""

    leave = staticmethod(collectives.sum_of_all)

    def should_use_local_tensors(self, module: nn.Module) -> bool:
        return True

    def transform_inputs_pre_forward(self, module: Any, args: Any, kwargs: Any, mesh: Any) -> Any:
        return args, kwargs

    def transform_output_post_forward(self, module: Any, output: Any, mesh: Any) -> Any:
        return self.leave(output, mesh.get_group())


class _Embedding(EmbeddingParallel):  # type: ignore[misc]
    """Every rank looks its own words up; the rest are zeros, and the ranks' vectors are added up."""

    leave = staticmethod(collectives.sum_of_all)

    def install_forward(self, module: Any, mesh: Any) -> Any:
        group = mesh.get_group()

        def forward(tokens: Tensor) -> Tensor:
            weight = local(module.weight)
            place = tokens - dist.get_rank(group) * weight.shape[0]
            mine = (place >= 0) & (place < weight.shape[0])
            vectors = nn.functional.embedding(place.where(mine, 0), weight)
            return self.leave(vectors * mine[..., None], group)

        module.forward = forward
        return module


class _Head(_Columns):
    """Every rank has its columns of the logits; the loss is worked out without putting them together."""

    def install_forward(self, module: Head, mesh: Any) -> Any:
        group = mesh.get_group()

        def loss(rows: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
            logits = nn.functional.linear(rows, weight).float()
            return collectives.cross_entropy(logits, labels, group)

        def forward(
            x: Tensor, labels: Tensor | None = None, shared: Tensor | None = None
        ) -> Tensor:
            whole = shared if module.weight is None else module.weight
            assert whole is not None
            weight = local(whole)
            x = self.enter(x, group)
            if labels is None:
                return collectives.gather_columns(nn.functional.linear(x, weight), group)
            return in_parts(loss, x, weight, labels, module.chunks)

        module.forward = forward  # type: ignore[method-assign,assignment]
        return module


class _SequenceColumns(_Columns):
    enter = staticmethod(collectives.gather_sequence)


class _SequenceRows(_Rows):
    leave = staticmethod(collectives.scatter_sequence)


class _SequenceEmbedding(_Embedding):
    leave = staticmethod(collectives.scatter_sequence)


class _SequenceHead(_Head):
    enter = staticmethod(collectives.gather_sequence)


for _name, _style in {
    "stoa_columns": _Columns(),
    "stoa_rows": _Rows(),
    "stoa_embedding": _Embedding(),
    "stoa_head": _Head(),
    "stoa_sequence_columns": _SequenceColumns(),
    "stoa_sequence_rows": _SequenceRows(),
    "stoa_sequence_embedding": _SequenceEmbedding(),
    "stoa_sequence_head": _SequenceHead(),
}.items():
    ALL_PARALLEL_STYLES.register(_name, _style)
