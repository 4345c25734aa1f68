"""A recipe says everything: it reads back as itself, and refuses words that nobody reads."""

import re
import subprocess
import sys

import pytest

from stoa.base.errors import InvalidInput, NotFound
from stoa.compute.training.pretraining.flops import cost
from stoa.compute.training.pretraining.recipe import ModelRecipe, from_toml, load, shipped
from stoa.compute.training.pretraining.schedule import rate


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_reads_back_with_all_defaults(name: str) -> None:
    recipe = load(name)
    text = recipe.to_toml()
    assert from_toml(text) == recipe
    assert "beta1 = 0.9" in text
    assert "# kv_heads = none" in text or "\nkv_heads = " in text
    for section, values in recipe.model_dump().items():
        for name in values if isinstance(values, dict) else [section]:
            assert re.search(rf"^(# |\[\w+\.)?{name}( = |\]$)", text, re.MULTILINE), name


def test_a_word_that_nobody_reads_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"optimiser\.learning_rate"):
        load("tinyshakespeare").with_changes({"optimiser.learning_rate": 1})
    with pytest.raises(InvalidInput, match="No such part"):
        load("tinyshakespeare").with_changes({"optimizer.rate": 1})
    with pytest.raises(NotFound, match="nonesuch"):
        load("nonesuch")


def test_the_schedule_warms_up_falls_and_stays() -> None:
    recipe = load("tinyshakespeare").with_changes(
        {
            "schedule.steps": 500,
            "schedule.decay": 400,
            "schedule.warmup": 100,
            "optimiser.rate": 1.0,
        }
    )
    rates = [rate(recipe, step) for step in range(500)]
    assert rates[0] == pytest.approx(1 / 101)
    assert rates[100] == max(rates) == 1.0
    assert rates[250] == pytest.approx(0.55)
    assert rates[400] == rates[499] == pytest.approx(0.1)


def test_parameters_of_llama_2_7b() -> None:
    seven = ModelRecipe(layers=32, hidden=4096, intermediate=11008, heads=32)
    found = cost(seven, 32_000, 4096)
    assert found.parameters == 6_738_415_616  # as published
    assert found.model == 6 * (found.parameters - 32_000 * 4096)
    assert found.with_attention - found.model == 12 * 32 * 4096 * 4096


def test_pages_and_planner_may_read_it_without_torch() -> None:
    module = "stoa.compute.training.pretraining"
    code = f"import sys, {module}.recipe, {module}.layout, {module}.flops; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
