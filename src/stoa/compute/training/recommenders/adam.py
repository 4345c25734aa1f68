"""Adam (Kingma and Ba, 2015), which moves every row of a table in every step, used in it or not.

Rows that a batch did not use have a gradient of 0 and still move by their averages: a rare row goes on
in the direction of its last gradient for some ten steps, and its second average is that of all steps, so
that it learns about as fast as a frequent one. Leaving such rows alone is another optimiser, under which
rare users and items hardly learn. It is what is left for tables so large that a step uses next to none
of their rows, where a whole table's traffic would cost more than the gradients.
"""

import math

import torch
from torch import Tensor
from torch.optim.adam import adam

from stoa.compute.training.recommenders.neural_network import Gradients

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_WHOLE = 16  # a table moves whole where a step uses at least one in so many of its rows


class TableAdam:
    """State for a dictionary of tensors that it updates in place."""

    def __init__(self, tensors: dict[str, Tensor], rate: float) -> None:
        self.tensors = tensors
        self.rate = rate
        self.steps = 0
        self.first = {name: torch.zeros_like(each) for name, each in tensors.items()}
        self.second = {name: torch.zeros_like(each) for name, each in tensors.items()}
        self._gradients: dict[str, Tensor] = {}

    def step(self, found: Gradients) -> None:
        """Move every tensor that has a gradient."""
        whole = dict(found.dense)
        for name, gradient in found.rows.items():
            rows = found.users if name.endswith("users") else found.items
            if len(rows) * _WHOLE >= len(self.tensors[name]):
                whole[name] = self._spread(name, rows, gradient)
            else:
                self._move_rows(name, rows, gradient)
        adam(
            [self.tensors[name] for name in whole],
            list(whole.values()),
            [self.first[name] for name in whole],
            [self.second[name] for name in whole],
            [],
            [torch.tensor(float(self.steps)) for _ in whole],
            fused=True,  # one pass over what is in memory
            amsgrad=False,
            beta1=_BETA1,
            beta2=_BETA2,
            lr=self.rate,
            weight_decay=0.0,
            eps=_EPSILON,
            maximize=False,
        )
        self.steps += 1

    def _spread(self, name: str, rows: Tensor, gradient: Tensor) -> Tensor:
        """The gradient of the whole table."""
        table = self.tensors[name]
        if len(rows) == len(table):
            return gradient
        if name not in self._gradients:
            self._gradients[name] = torch.zeros_like(table)
        return self._gradients[name].zero_().index_copy_(0, rows, gradient)

    def _move_rows(self, name: str, rows: Tensor, gradient: Tensor) -> None:
        first = self.first[name].index_select(0, rows).lerp_(gradient, 1 - _BETA1)
        second = self.second[name].index_select(0, rows)
        second.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        steps = self.steps + 1
        scale = second.sqrt().div_(math.sqrt(1 - _BETA2**steps)).add_(_EPSILON)
        size = self.rate / (1 - _BETA1**steps)
        self.tensors[name].index_add_(0, rows, torch.div(first, scale), alpha=-size)
        self.first[name].index_copy_(0, rows, first)
        self.second[name].index_copy_(0, rows, second)
