"""The norm of a whole gradient, and clipping by it, where parameters lie in different ways.

`torch.nn.utils.clip_grad_norm_` refuses parameters of several meshes. Here parameters are sorted by the
groups they are cut over, each group adds up its squares, and copies are counted once.
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

from stoa.compute.training.pretraining.sharding import groups_of_cuts, local


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norm of all tensors together as one vector: float32, the same on every rank.

    Lists and dictionaries only, never sets: collectives have to come in the same order everywhere.
    """
    sorted_: dict[tuple[str, ...], tuple[list[ProcessGroup], list[Tensor]]] = {}
    for tensor in tensors:
        groups = groups_of_cuts(tensor)
        key = tuple(group.group_name for group in groups)
        sorted_.setdefault(key, (groups, []))[1].append(local(tensor))
    total = torch.zeros((), device=tensors[0].device)
    for groups, parts in sorted_.values():
        squares = torch.stack([part.float() for part in torch._foreach_norm(parts)]).square().sum()
        for group in groups:
            dist.all_reduce(squares, group=group)
        total = total + squares
    return total.sqrt()


def scale(tensors: Sequence[Tensor], factor: float) -> None:
    """Multiply all in place."""
    torch._foreach_mul_([local(tensor) for tensor in tensors], factor)
