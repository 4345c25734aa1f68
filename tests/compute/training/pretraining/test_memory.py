"""What `plan` says that training holds, against what training here does hold."""

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from stoa.compute.training.pretraining.engine import Engine
from stoa.compute.training.pretraining.layout import resolve
from stoa.core.planning.layout import Layout, Recompute
from stoa.core.planning.memory import FLOAT32, end_activations, layer_activations, memory_use
from stoa.core.planning.shapes import ModelShape
from tests.compute.training.pretraining.test_parity import ALONE
from tests.compute.training.pretraining.twenty_steps import (
    LENGTH,
    SEQUENCES,
    VOCABULARY,
    recipe_with,
    sequences,
)

TOKENS = SEQUENCES * LENGTH


def held_by_forward(engine: Engine) -> int:
    """Bytes that were allocated on the way forward and are not free before the way back."""
    batch = sequences(0)
    tokens, labels = torch.from_numpy(batch.tokens), torch.from_numpy(batch.labels)
    engine.model(tokens, labels, None).backward()  # what is made once for all steps is there
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        loss = engine.model(tokens, labels, None)
    assert loss.requires_grad
    return sum(each.self_cpu_memory_usage for each in profiled.key_averages())


@pytest.mark.parametrize("heads", [4, 8])
@pytest.mark.parametrize("recompute", ["none", "selective", "full"])
def test_memory_is_what_the_plan_says(recompute: Recompute, heads: int) -> None:
    """Weights, gradients and optimiser to the norms; activations to 2 %, with fewer keys than queries or not."""
    changes = {"efficiency.recompute": recompute, "model.heads": 8, "model.kv_heads": heads}
    recipe = recipe_with(changes)
    engine = Engine(recipe, resolve(recipe, 1, VOCABULARY), ALONE, VOCABULARY)
    model = recipe.model
    assert model.intermediate is not None
    shape = ModelShape(
        "here", model.layers, model.hidden, 8, model.intermediate, VOCABULARY, LENGTH, heads
    )
    layout = Layout(micro_batch=SEQUENCES, recompute=recompute)
    said = memory_use(shape, layout, FLOAT32)
    activations = 2 * (shape.layers * layer_activations(shape, layout))
    logits = 4 * TOKENS * VOCABULARY  # their gradient comes on the way back
    expected = activations + 2 * end_activations(shape, layout) - logits
    assert held_by_forward(engine) == pytest.approx(expected, rel=0.02)
    weights = [parameter.nbytes for parameter in engine.parameters.values()]
    gradients = [
        parameter.grad.nbytes
        for parameter in engine.parameters.values()
        if parameter.grad is not None
    ]
    assert sum(weights) == pytest.approx(said.weights, rel=1e-3)
    assert sum(gradients) == pytest.approx(said.gradients, rel=1e-3)
    everything = sum(tensor.nbytes for tensor in engine.tensors().values())
    assert everything - sum(weights) == pytest.approx(said.optimiser, rel=1e-3)
