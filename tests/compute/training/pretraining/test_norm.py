"""The norm's way back written by hand gives what autograd gives."""

import torch
import torch.nn.functional as F  # noqa: N812

from stoa.compute.training.pretraining.norm import rms_norm, worth_it


def test_outputs_and_gradients_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 16, generator=generator).requires_grad_()
    weight = torch.randn(16, generator=generator).requires_grad_()
    back = torch.randn(2, 5, 16, generator=generator)
    ours, theirs = rms_norm(x, weight, 1e-5), F.rms_norm(x, (16,), weight, 1e-5)
    torch.testing.assert_close(ours, theirs)
    for mine, expected in zip(
        torch.autograd.grad(ours, (x, weight), back),
        torch.autograd.grad(theirs, (x, weight), back),
        strict=True,
    ):
        torch.testing.assert_close(mine, expected)


def test_it_is_for_float32() -> None:
    assert worth_it(torch.ones(1))
    assert not worth_it(torch.ones(1, dtype=torch.bfloat16))
