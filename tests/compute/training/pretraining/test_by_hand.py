"""Ways back written by hand give what autograd gives."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from stoa.compute.training.pretraining import by_hand
from stoa.compute.training.pretraining.model import rotate

B, S, G, Q, D, H = 2, 5, 3, 2, 8, 16


def same(mine: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Outputs and gradients of both agree."""
    ways = []
    for way in (mine, theirs):
        leaves = [value.clone().requires_grad_() for value in inputs]
        out = way(*leaves)
        weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
        ways.append([out, *torch.autograd.grad((out * weights).sum(), leaves)])
    for ours, expected in zip(*ways, strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, generator=generator)


def test_norm(draw: Callable[..., Tensor]) -> None:
    def theirs(x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, (H,), weight, 1e-5)

    same(lambda x, w: by_hand.rms_norm(x, w, 1e-5), theirs, draw(B, S, H), draw(H))


def test_gated(draw: Callable[..., Tensor]) -> None:
    def theirs(x: Tensor) -> Tensor:
        gate, up = x.unbind(-2)
        return F.silu(gate) * up

    same(by_hand.swiglu, theirs, draw(B, S, 3, 2, H))


def test_turned(draw: Callable[..., Tensor]) -> None:
    angles = torch.arange(S)[:, None] * torch.linspace(0.1, 1, D // 2)
    rotary = torch.polar(torch.ones_like(angles), angles)

    def together(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.cat((q.flatten(), k.flatten(), v.flatten()))

    def theirs(groups: Tensor) -> Tensor:
        q, k, v = groups.split([Q, 1, 1], dim=3)
        return together(rotate(q, rotary), rotate(k, rotary), v)

    same(lambda x: together(*by_hand.turned_qkv(x, rotary)), theirs, draw(B, S, G, Q + 2, D))


def test_a_turn_is_the_same_with_and_without_complex_numbers(draw: Callable[..., Tensor]) -> None:
    angles = torch.arange(S)[:, None] * torch.linspace(0.1, 1, D // 2)
    x = draw(B, S, G, Q, D)
    complex_ = rotate(x, torch.polar(torch.ones_like(angles), angles))
    torch.testing.assert_close(rotate(x, torch.stack((angles.cos(), angles.sin()))), complex_)
