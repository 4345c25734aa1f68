"""Stochastic rounding from float32 to bfloat16.

A bfloat16 keeps the upper 16 bits of a float32. Adding a random number of 16 bits before the lower ones are
cut rounds up with just the probability that makes the mean come out right, so that updates too small to
change a bfloat16 still change it on average.
"""

import torch
from torch import Tensor


def stochastic(values: Tensor, seed: int) -> Tensor:
    """`values` (float32) as bfloat16, each rounded up or down by chance; the same for the same seed."""
    generator = torch.Generator(device=values.device).manual_seed(seed)
    noise = torch.randint(
        0, 2**16, values.shape, dtype=torch.int32, device=values.device, generator=generator
    )
    bits = values.contiguous().view(torch.int32)
    rounded = ((bits + noise) & -(2**16)).view(torch.float32)
    return torch.where(values.isfinite(), rounded, values).to(torch.bfloat16)
