"""RMSNorm with its way back written by hand, for float32 on a CPU.

Autograd takes torch's own apart into a dozen passes over memory; here it is six. Forwards and back it takes
0.6 of the time at the sizes of a small model. On a GPU fused kernels and the compiler do this job.
"""

from typing import Any

import torch
from torch import Tensor


def worth_it(x: Tensor) -> bool:
    """Whether this way is the quicker one for a tensor."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32
    return plain and not torch.compiler.is_compiling()


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x²) + eps) · weight over the last dimension."""
    return _RmsNorm.apply(x, weight, eps)  # type: ignore[no-any-return]


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
