"""Our rows and Hugging Face's are the same numbers in another order, and mean the same."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from stoa.base.errors import InvalidInput, NotFound
from stoa.compute.training.pretraining import build, weights
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.model import Llama
from stoa.compute.training.pretraining.recipe import ModelRecipe, Recipe, from_dict
from stoa.compute.training.pretraining.sharding import World

ALONE = World(rank=0, size=1, local_rank=0, device=torch.device("cpu"))
SIZES = [
    ModelRecipe(layers=2, hidden=48, heads=6, kv_heads=3, intermediate=66),  # 3 blocks of MLP
    ModelRecipe(layers=1, hidden=32, heads=4, intermediate=30),  # 2 blocks
    ModelRecipe(layers=2, hidden=32, heads=4, kv_heads=1, tie_embeddings=True, rope_theta=5e5),
]


def recipe(model: ModelRecipe, **changes: str) -> Recipe:
    base = {"data": {"sources": [{"path": "none"}], "sequence": 24}, "model": model.model_dump()}
    return from_dict(base).with_changes(changes)


def built(made: Recipe) -> Llama:
    return build.build(made, resolve(made, 1, 50), ALONE, 50)[0]


@pytest.mark.parametrize("model", SIZES)
def test_conversion_and_back_is_exact(model: ModelRecipe) -> None:
    config = build.config_of(recipe(model), 50)
    theirs = LlamaForCausalLM(config).state_dict()
    ours = weights.from_hugging_face(theirs, config)
    assert [name for name in ours if "q_proj" in name] == []
    back = weights.to_hugging_face(ours, config)
    if model.tie_embeddings:
        del theirs["lm_head.weight"]
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("model", SIZES)
def test_an_exported_model_gives_the_same_logits_and_starts_another(
    model: ModelRecipe, tmp_path: Path
) -> None:
    ours = built(recipe(model))
    found = build.whole_weights(ours, keep=True)
    weights.save(tmp_path, found, ours.config, torch.float32)
    theirs = LlamaForCausalLM.from_pretrained(tmp_path).eval()
    tokens = torch.randint(0, 50, (3, 24), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (ours(tokens) - theirs(tokens).logits).abs().max() < 1e-5
        again = built(recipe(model, **{"model.start_from": str(tmp_path)}))
        assert torch.equal(again(tokens), ours(tokens))


def test_masked_documents_do_not_see_each_other() -> None:
    ours = built(recipe(SIZES[0]))
    tokens = torch.randint(0, 50, (1, 24), generator=torch.Generator().manual_seed(0))
    documents = torch.tensor([[0] * 10 + [1] * 14])
    changed = tokens.clone()
    changed[0, :10] = 7
    with torch.no_grad():
        first, second = ours(tokens, None, documents), ours(changed, None, documents)
    assert torch.equal(first[0, 10:], second[0, 10:])
    assert not torch.equal(first[0, :10], second[0, :10])


def test_a_model_of_other_sizes_is_refused(tmp_path: Path) -> None:
    ours = built(recipe(SIZES[1]))
    weights.save(tmp_path, build.whole_weights(ours, keep=True), ours.config, torch.float32)
    wider = recipe(SIZES[0], **{"model.start_from": str(tmp_path)})
    with pytest.raises(InvalidInput, match="hidden_size is 48"):
        built(wider)
    with pytest.raises(NotFound, match="no safetensors"):
        built(recipe(SIZES[0], **{"model.start_from": str(tmp_path / "none")}))


def test_output_projections_start_smaller_the_deeper_the_model() -> None:
    deep = ModelRecipe(layers=8, hidden=128, heads=4)
    spread = {
        scaled: built(recipe(deep.model_copy(update={"scaled_init": scaled})))
        .state_dict()["model.layers.3.mlp.down_proj.weight"]
        .std()
        .item()
        for scaled in (True, False)
    }
    assert spread[False] == pytest.approx(0.02, rel=0.02)
    assert spread[True] == pytest.approx(0.02 / 4, rel=0.02)
