"""What ranks that share every matrix say to each other, forwards and backwards.

Each function is one of a pair: what gathers on the way forward scatters on the way back. All take plain
local tensors, so that a training step never pays for the bookkeeping of distributed tensors.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

from stoa.compute.training.pretraining.interfaces import IGNORED

SEQUENCE = 1  # dimension of [B, S, H] that sequence parallelism cuts


def copy_to_all(x: Tensor, group: ProcessGroup) -> Tensor:
    """As it is; on the way back the ranks' gradients are summed."""
    return _Copy.apply(x, group)  # type: ignore[no-any-return]


def sum_of_all(x: Tensor, group: ProcessGroup) -> Tensor:
    """The sum over ranks; on the way back as it is."""
    return _Sum.apply(x, group)  # type: ignore[no-any-return]


def gather_sequence(x: Tensor, group: ProcessGroup) -> Tensor:
    """The whole sequence of its parts; on the way back gradients are summed and cut again."""
    return _Gather.apply(x, group)  # type: ignore[no-any-return]


def scatter_sequence(x: Tensor, group: ProcessGroup) -> Tensor:
    """This rank's part of the sum over ranks; on the way back the parts are put together."""
    return _Scatter.apply(x, group)  # type: ignore[no-any-return]


def gather_columns(x: Tensor, group: ProcessGroup) -> Tensor:
    """The last dimension put together, without a way back: for logits that are only looked at."""
    parts = [torch.empty_like(x) for _ in range(group.size())]
    dist.all_gather(parts, x.contiguous(), group=group)
    return torch.cat(parts, dim=-1)


def cross_entropy(logits: Tensor, labels: Tensor, group: ProcessGroup) -> Tensor:
    """Cross-entropy summed over rows, where every rank has its columns of the logits.

    Args:
        logits: [rows, columns of this rank], float32.
        labels: [rows], over all columns; IGNORED rows count nothing.
    """
    return _CrossEntropy.apply(logits, labels, group)  # type: ignore[no-any-return]


class _Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _summed(grads[0], ctx.group), None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        return _summed(x, group)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0], None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return _gathered(x, group)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _scattered(grads[0], ctx.group), None


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return _scattered(x, group)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _gathered(grads[0], ctx.group), None


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor, group: ProcessGroup) -> Tensor:
        largest = logits.amax(-1)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=group)
        shares = (logits - largest[:, None]).exp()
        columns = logits.shape[-1]
        place = labels - dist.get_rank(group) * columns
        mine = (place >= 0) & (place < columns)
        place = place.clamp(0, columns - 1)
        wanted = logits.gather(-1, place[:, None])[:, 0] - largest
        sums = torch.stack((shares.sum(-1), torch.where(mine, wanted, 0.0)))
        dist.all_reduce(sums, group=group)
        counted = labels != IGNORED
        shares /= sums[0][:, None]
        ctx.save_for_backward(shares, place, mine, counted)
        return ((sums[0].log() - sums[1]) * counted).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        shares, place, mine, counted = ctx.saved_tensors
        gradient = shares.scatter_add(-1, place[:, None], -mine[:, None].to(shares.dtype))
        return gradient * (counted * grads[0])[:, None], None, None


def _summed(x: Tensor, group: ProcessGroup) -> Tensor:
    x = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(x, group=group)
    return x


def _gathered(x: Tensor, group: ProcessGroup) -> Tensor:
    parts = [
        torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(group.size())
    ]
    dist.all_gather(parts, x.contiguous(), group=group)
    return torch.cat(parts, dim=SEQUENCE)


def _scattered(x: Tensor, group: ProcessGroup) -> Tensor:
    parts = [part.contiguous() for part in x.chunk(group.size(), dim=SEQUENCE)]
    if (
        x.device.type == "cpu"
    ):  # gloo has no reduce-scatter of lists on every version: sum, then cut
        return (
            _summed(x, group).chunk(group.size(), dim=SEQUENCE)[dist.get_rank(group)].contiguous()
        )
    out = torch.empty_like(parts[0])
    dist.reduce_scatter(out, parts, group=group)
    return out
