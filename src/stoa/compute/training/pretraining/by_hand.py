"""Three pieces of a layer with their ways back written by hand, for float32 on a CPU.

Autograd's own way back makes many passes over memory that a CPU feels: a norm is six operations forwards and
a dozen backwards, and every split of a fused product is put together again by a copy. Here gradients are
written to where they belong at once. On a GPU the compiler and fused kernels do this job.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  as everybody writes it
from torch import Tensor


def worth_it(x: Tensor) -> bool:
    """Whether these ways are the quicker ones for a tensor."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32
    return plain and not torch.compiler.is_compiling()


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) · weight over the last dimension."""
    return _RmsNorm.apply(x, weight, eps)  # type: ignore[no-any-return,no-untyped-call]


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) · up of [..., 2, width]."""
    return _SwiGlu.apply(gate_up)  # type: ignore[no-any-return,no-untyped-call]


def turned_qkv(groups: Tensor, rotary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries and keys turned, and values, of [B, S, G, queries + 2, D]; `rotary` is complex [S, D / 2]."""
    return _TurnedQkv.apply(groups, rotary)  # type: ignore[no-any-return,no-untyped-call]


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = (length.square() / x.shape[-1] + eps).rsqrt()
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        unit, scale, weight = ctx.saved_tensors
        grad = grads[0]
        product = (grad * unit).flatten(0, -2)
        along = (product @ weight).view(scale.shape) / weight.shape[0]
        to_x = torch.addcmul(grad * weight, unit, along, value=-1).mul_(scale)
        return to_x, product.sum(0), None


class _SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up)
        gate, up = gate_up.unbind(-2)
        return F.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (gate_up,) = ctx.saved_tensors
        gate, up = gate_up.unbind(-2)
        out = torch.empty_like(gate_up)
        to_gate, to_up = out.unbind(-2)
        torch.mul(grads[0], F.silu(gate), out=to_up)
        torch.ops.aten.silu_backward.grad_input(grads[0] * up, gate, grad_input=to_gate)
        return out


class _TurnedQkv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Tensor, rotary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ctx.shape, ctx.rotary = groups.shape, rotary
        queries = groups.shape[3] - 2
        turned = torch.view_as_real(_pairs(groups[:, :, :, :-1]) * rotary[:, None, None]).flatten(
            -2
        )
        q, k = torch.split(turned, [queries, 1], dim=3)
        return q, k, groups[:, :, :, -1:].contiguous()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        out = grads[0].new_empty(ctx.shape)
        back = ctx.rotary.conj()[:, None, None]
        to_q, to_k, to_v = torch.split(out, [ctx.shape[3] - 2, 1, 1], dim=3)
        for grad, place in ((grads[0], to_q), (grads[1], to_k)):
            torch.mul(_pairs(grad), back, out=_pairs(place))
        to_v.copy_(grads[2])  # values are not turned
        return out, None


def _pairs(x: Tensor) -> Tensor:
    """Neighbours of the last dimension as complex numbers, in the same memory where they are neighbours."""
    if x.stride(-1) != 1:
        x = x.contiguous()
    return torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
