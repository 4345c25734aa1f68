"""Adam that touches only the rows of a table that a batch used.

For rows used in every step it is Adam to the letter. A row's averages wait while it is not used, which
is what makes a step cost what the batch holds and not what the catalogue holds.
"""

import math

import torch
from torch import Tensor

from stoa.compute.training.recommenders.neural_network import Gradients

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


class RowAdam:
    """State for a dictionary of tensors that it updates in place."""

    def __init__(self, tensors: dict[str, Tensor], rate: float) -> None:
        self.tensors = tensors
        self.rate = rate
        self.steps = 0
        self.first = {name: torch.zeros_like(each) for name, each in tensors.items()}
        self.second = {name: torch.zeros_like(each) for name, each in tensors.items()}

    def step(self, found: Gradients) -> None:
        """Move every tensor that has a gradient."""
        self.steps += 1
        size = self.rate * math.sqrt(1 - _BETA2**self.steps) / (1 - _BETA1**self.steps)
        for name, gradient in found.dense.items():
            first, second = self.first[name], self.second[name]
            self.tensors[name].sub_(_move(first, second, gradient, size))
        for name, gradient in found.rows.items():
            rows = found.users if name.endswith("users") else found.items
            table = self.tensors[name]
            if len(rows) == len(table):
                move = _move(self.first[name], self.second[name], gradient, size)
                table.sub_(move)
                continue
            first = self.first[name].index_select(0, rows)
            second = self.second[name].index_select(0, rows)
            table.index_add_(0, rows, _move(first, second, gradient, size), alpha=-1)
            self.first[name].index_copy_(0, rows, first)
            self.second[name].index_copy_(0, rows, second)


def _move(first: Tensor, second: Tensor, gradient: Tensor, size: float) -> Tensor:
    """Updates both averages in place; what is to be subtracted."""
    first.lerp_(gradient, 1 - _BETA1)
    second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
    return torch.div(first, second.sqrt().add_(_EPSILON)).mul_(size)
