"""Every model of the family: it learns what is there, survives being saved, and refuses what is spoilt."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.artefact import (
    MODEL,
    WEIGHTS,
    load_ids,
    load_model,
    save_model,
)
from stoa.compute.networks.recommenders.blend import Blend
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.popularity import Popularity
from stoa.compute.networks.recommenders.recommender import Recommender, Scores
from stoa.compute.training.recommenders.fitting import Data, choose_weights, fit
from stoa.compute.training.recommenders.judging import HeldOut, judge
from stoa.compute.training.recommenders.recipes import (
    BlendRecipe,
    EaseRecipe,
    IalsRecipe,
    ItemKnnRecipe,
    ModelRecipe,
    NeuralRecipe,
    PopularityRecipe,
)
from tests.compute.recommenders.shop import ITEMS, TASTES, USERS, split

_NEURAL = {"factor_num": 8, "learning_rate": 0.02, "dropout": 0.1, "batches_per_step": 1}
RECIPES: dict[str, ModelRecipe] = {
    "popularity": PopularityRecipe(),
    "item_knn": ItemKnnRecipe(neighbours=10, shrink=1),
    "ease": EaseRecipe(regularisation=10),
    "ials": IalsRecipe(dimensions=8, epochs=5, regularisation=0.01),
    "gmf": NeuralRecipe(kind="gmf", epochs=12, **_NEURAL),
    "mlp": NeuralRecipe(kind="mlp", epochs=12, **_NEURAL),
    "neumf": NeuralRecipe(kind="neumf", epochs=4, pretrain=8, **_NEURAL),
    "blend": BlendRecipe(parts=(EaseRecipe(regularisation=10), PopularityRecipe())),
}
LEARNS = [name for name in RECIPES if name != "popularity"]


@pytest.fixture(scope="module")
def shop() -> tuple[Interactions, HeldOut]:
    return split()


@pytest.fixture(scope="module")
def models(
    shop: tuple[Interactions, HeldOut], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Recommender]:
    data = Data(*shop, seed=1)
    folder = tmp_path_factory.mktemp("fit")
    return {
        name: fit(recipe, data, folder / name, lambda *_: None).model
        for name, recipe in RECIPES.items()
    }


@pytest.mark.parametrize("name", LEARNS)
def test_a_model_finds_the_taste(
    name: str, models: dict[str, Recommender], shop: tuple[Interactions, HeldOut]
) -> None:
    found = judge(models[name], shop[1], k=5)
    floor = judge(models["popularity"], shop[1], k=5)
    assert found["hr"] > max(0.6, floor["hr"] + 0.15)
    assert found["ndcg"] > floor["ndcg"]


@pytest.mark.parametrize("name", RECIPES)
def test_one_user_is_scored_as_many_are(name: str, models: dict[str, Recommender]) -> None:
    model = models[name]
    items = np.array([[3, 1, 2, 30], [9, 8, 7, 39]])
    many = model.score_many(np.array([5, 77]), items)
    for row, user in enumerate((5, 77)):
        np.testing.assert_allclose(model.score(user, items[row]), many[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_a_saved_model_scores_the_same(
    name: str, models: dict[str, Recommender], tmp_path: Path
) -> None:
    model = models[name]
    ids = Ids(tuple(f"u{n}" for n in range(USERS)), tuple(f"i{n}" for n in range(ITEMS)))
    for _ in range(2):  # also in the place of one that is there
        save_model(model, tmp_path / "model", ids=ids, details={"why": "test"})
    again = load_model(tmp_path / "model")
    items = np.arange(ITEMS)
    np.testing.assert_array_equal(again.score(7, items), model.score(7, items))
    np.testing.assert_array_equal(
        again.score_history([1, 5, 9], items), model.score_history([1, 5, 9], items)
    )
    assert load_ids(tmp_path / "model") == ids
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", RECIPES)
def test_the_best_of_the_catalogue_leaves_out_what_was_had(
    name: str, models: dict[str, Recommender]
) -> None:
    model = models[name]
    free = [each for each in range(ITEMS) if each not in model.seen.of(3)]
    ranked = model.top_n(3, 10, without=[free[0]])
    assert len(ranked.items) == 10
    assert not set(ranked.items) & {*model.seen.of(3).tolist(), free[0]}
    assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
    kept = [each for each in free if each != free[0]]
    if name != "blend":  # whose scores compare within one set of candidates only
        assert ranked.scores[0] == pytest.approx(model.score(3, kept).max(), rel=1e-5)
    assert len(model.top_n(3, 1000, without_seen=False).items) == ITEMS


@pytest.mark.parametrize("name", LEARNS)
def test_somebody_new_gets_their_taste(name: str, models: dict[str, Recommender]) -> None:
    history = np.arange(1, ITEMS, TASTES)[:5]
    rest = np.setdiff1d(np.arange(ITEMS), history)
    scores = models[name].score_history(history, rest)
    own = rest % TASTES == 1
    assert scores[own].mean() > scores[~own].mean() + scores.std() / 2


@pytest.mark.parametrize("name", RECIPES)
def test_nobody_known_gets_what_is_popular(name: str, models: dict[str, Recommender]) -> None:
    model = models[name]
    np.testing.assert_array_equal(
        model.score_history([], np.arange(ITEMS)), model.seen.popularity()
    )
    assert len(model.score(0, [])) == 0


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("user", "item"), [(-1, 0), (USERS, 0), (0, -1), (0, ITEMS)])
def test_bad_ids_are_refused(
    name: str, user: int, item: int, models: dict[str, Recommender]
) -> None:
    with pytest.raises(InvalidInput, match="There is no"):
        models[name].score(user, [item])


def test_products_of_factors_are_the_scores(models: dict[str, Recommender]) -> None:
    for name in ("ials", "gmf"):
        factors = models[name].factors()
        assert factors is not None
        scores = factors.users[4] @ factors.items.T
        got = models[name].score(4, np.arange(ITEMS))
        np.testing.assert_allclose(got - got[0], scores - scores[0], atol=1e-4)
    assert models["neumf"].factors() is None


def test_folding_in_a_known_history_gives_the_order_of_training(
    models: dict[str, Recommender],
) -> None:
    for name in ("ease", "item_knn", "popularity"):
        model = models[name]
        np.testing.assert_allclose(
            model.score_history(model.seen.of(6), np.arange(ITEMS)),
            model.score(6, np.arange(ITEMS)),
            rtol=1e-5,
        )


def test_weights_that_are_no_numbers_are_refused(
    models: dict[str, Recommender], tmp_path: Path
) -> None:
    model = models["gmf"]
    spoilt = model.tensors()
    spoilt["mf.items"] = spoilt["mf.items"].copy()
    spoilt["mf.items"][3, 2] = np.nan
    wrong = type(model).from_tensors(spoilt, {}, model.seen)
    with pytest.raises(InvalidInput, match="not all finite"):
        save_model(wrong, tmp_path / "model", ids=Ids((), ()))
    assert not list(tmp_path.iterdir())
    save_model(model, tmp_path / "model", ids=Ids((), ()))
    path = tmp_path / "model" / WEIGHTS
    tensors = load_file(path)
    tensors["output.weight"][0] = np.inf
    save_file(tensors, path)
    with pytest.raises(InvalidInput, match="not the file that was saved"):
        load_model(tmp_path / "model")
    _mend_sum(tmp_path / "model")
    with pytest.raises(InvalidInput, match="not all finite"):
        load_model(tmp_path / "model")


def test_a_model_that_is_not_whole_is_refused(
    models: dict[str, Recommender], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="no model that can be read"):
        load_model(tmp_path / "nowhere")
    save_model(models["ease"], tmp_path / "model", ids=Ids((), ()))
    path = tmp_path / "model" / WEIGHTS
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InvalidInput, match="not the file that was saved"):
        load_model(tmp_path / "model")
    _mend_sum(tmp_path / "model")
    with pytest.raises(InvalidInput, match="no model that can be read"):
        load_model(tmp_path / "model")
    described = json.loads((tmp_path / "model" / MODEL).read_text())
    (tmp_path / "model" / MODEL).write_text(json.dumps({**described, "kind": "magic"}))
    with pytest.raises(InvalidInput, match="kind magic"):
        load_model(tmp_path / "model")


def test_one_user_and_one_item_are_enough(tmp_path: Path) -> None:
    one = Interactions.from_pairs(np.array([0]), np.array([0]), user_count=1, item_count=1)
    for name, recipe in RECIPES.items():
        model = fit(recipe, Data(one, None, 1), tmp_path / name, lambda *_: None).model
        assert np.isfinite(model.score(0, [0])).all()
        assert model.top_n(0, 5).items.tolist() == []


def test_no_data_is_refused_with_a_word(tmp_path: Path) -> None:
    none = Interactions.from_pairs(np.empty(0, int), np.empty(0, int), user_count=0, item_count=0)
    for name, recipe in RECIPES.items():
        with pytest.raises(InvalidInput, match="nothing to train on"):
            fit(recipe, Data(none, None, 1), tmp_path / name, lambda *_: None)


def test_a_blend_takes_the_better_part(shop: tuple[Interactions, HeldOut]) -> None:
    train, held_out = shop

    class Knows(Popularity):
        """Scores what was held out 1 and the rest 0."""

        def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
            right = held_out.items[np.searchsorted(held_out.users, users)]
            return np.asarray(items == right[:, None], np.float32)

    models: list[Recommender] = [Popularity(train), Knows(train)]
    weights = choose_weights(models, held_out, 10)
    assert weights[1] >= 0.5
    assert sum(weights) == pytest.approx(1)
    assert judge(Blend(train, models, weights), held_out)["hr"] == 1
    assert choose_weights(models, None, 10) == [0.5, 0.5]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_model_that_knows_nothing_is_told_by_its_ties(
    value: float, models: dict[str, Recommender], shop: tuple[Interactions, HeldOut]
) -> None:
    class Flat(Popularity):
        """Scores everything the same."""

        def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
            return np.full(items.shape, value, np.float32)

    assert judge(Flat(shop[0]), shop[1]) == {"hr": 1, "ndcg": 1, "ties": 1}
    for model in models.values():
        assert judge(model, shop[1])["ties"] < 0.1


def test_its_own_item_among_the_negatives_is_no_tie(
    models: dict[str, Recommender], shop: tuple[Interactions, HeldOut]
) -> None:
    held_out = shop[1]
    doubled = HeldOut(held_out.users, held_out.items, held_out.items[:, None].repeat(3, axis=1))
    assert judge(models["ease"], doubled)["ties"] == 0


def test_ease_refuses_a_catalogue_too_large_for_it(shop: tuple[Interactions, HeldOut]) -> None:
    with pytest.raises(InvalidInput, match="GiB"):
        fit(EaseRecipe(most_items=10), Data(*shop, seed=1), Path(), lambda *_: None)


def _mend_sum(folder: Path) -> None:
    """As somebody would who changes a file on purpose."""
    described = json.loads((folder / MODEL).read_text())
    described["sha256"][WEIGHTS] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (folder / MODEL).write_text(json.dumps(described))
