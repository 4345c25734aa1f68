"""Recommenders as they are served: equal to the trained model, and nobody turned away."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoa.base.errors import InvalidInput, NotFound
from stoa.compute.networks.recommenders.artefact import save_model
from stoa.compute.networks.recommenders.blend import Blend
from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.item_to_item import Ease, ItemNeighbours
from stoa.compute.networks.recommenders.popularity import Popularity
from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.compute.serving.attributes import write_attributes
from stoa.compute.serving.inverted_lists import build_lists, write_lists
from stoa.compute.serving.recommenders import Recommending, load
from stoa.compute.serving.servable import kind_of
from stoa.compute.serving.servable import load as load_kind
from tests.compute.serving.models import ITEMS, ials, interactions, names, neumf, saved

COLD = 3
GENRES = ("Comedy", "Drama", "Horror", "War")
SEEN = interactions(cold=COLD)


def every_kind() -> list[Recommender]:
    random = np.random.default_rng(7)
    ease = Ease(SEEN, random.standard_normal((ITEMS, ITEMS)).astype(np.float32))
    near = random.integers(0, ITEMS, (ITEMS, 5)).astype(np.int32)
    knn = ItemNeighbours(SEEN, near, random.random((ITEMS, 5)).astype(np.float32))
    blend = Blend(SEEN, [ease, ials(SEEN)], [0.6, 0.4])
    return [neumf(SEEN), ials(SEEN), ease, knn, Popularity(SEEN), blend]


def served(model: Recommender, folder: Path) -> Recommending:
    saved(model, folder)
    tags = [[f"genre={GENRES[each % 4]}", f"decade={each // 100}"] for each in range(ITEMS)]
    write_attributes(folder, tags)
    return load(folder)


@pytest.fixture
def serving(tmp_path: Path) -> Recommending:
    """NeuMF."""
    return served(neumf(SEEN), tmp_path / "model")


@pytest.mark.parametrize("model", every_kind(), ids=lambda each: each.kind)
def test_every_kind_scores_as_it_was_trained(model: Recommender, tmp_path: Path) -> None:
    serving = served(model, tmp_path / "model")
    assert kind_of(tmp_path / "model") == model.kind
    assert set(load_kind(model.kind, tmp_path / "model").methods) == {
        "rank",
        "recommend",
        "similar",
    }
    items = [5, 9, 1, 60, 33]
    answer = serving.rank({"user": "u7", "items": [f"i{each}" for each in items]})
    given = dict(zip(answer["items"], answer["scores"], strict=True))
    trained = model.score(7, items)
    assert [given[f"i{each}"] for each in items] == pytest.approx(trained.tolist(), abs=1e-5)
    assert answer["scores"] == sorted(answer["scores"], reverse=True)
    top = serving.recommend({"user": "u7", "count": 12, "within": [f"i{e}" for e in range(150)]})
    free = np.setdiff1d(np.arange(150), SEEN.of(7))
    best = free[np.lexsort((free, -model.score(7, free)))][:12]
    assert top["items"] == [f"i{each}" for each in best]
    new = serving.rank({"user": "new", "items": ["i5", "i9"], "history": ["i1", "i2", "gone"]})
    folded = model.score_history([1, 2], [5, 9])
    told = dict(zip(new["items"], new["scores"], strict=True))
    assert [told["i5"], told["i9"]] == pytest.approx(folded.tolist(), abs=1e-5)
    like = serving.similar({"item": "i5", "count": 7})
    assert len(like["items"]) == 7
    assert "i5" not in like["items"]


def test_a_batch_answers_each_and_refuses_only_what_is_wrong(serving: Recommending) -> None:
    batch = [{"user": "u1", "items": ["i1"]}, {"user": "u1", "items": "i1"}, 7, {"items": []}]
    results = serving.methods["rank"](batch)
    assert results[0]["items"] == ["i1"]
    assert isinstance(results[1], InvalidInput)
    assert isinstance(results[2], InvalidInput)
    assert results[3]["items"] == []


def test_ten_thousand_candidates_repeated_and_unknown_ones(serving: Recommending) -> None:
    names = [f"i{each}" for each in range(ITEMS - COLD)]
    asked = [*names, *(f"other-{each}" for each in range(10_000 - len(names))), "i1"]
    answer = serving.rank({"user": "u1", "items": asked})
    assert len(answer["items"]) == 10_000
    assert sorted(answer["items"][: ITEMS - COLD]) == sorted(names)
    assert answer["scores"][ITEMS - COLD :] == [None] * len(answer["unknown"])
    assert answer["known_user"]


def test_nobody_is_turned_away(serving: Recommending) -> None:
    popular = np.argsort(-SEEN.popularity(), kind="stable")[:5]
    for user in ("nobody", "", None):
        answer = serving.recommend({"user": user, "count": 5})
        counts = [SEEN.popularity()[int(each[1:])] for each in answer["items"]]
        assert counts == [SEEN.popularity()[each] for each in popular]
        assert not answer["known_user"]
    folded = serving.recommend({"user": "nobody", "count": 5, "history": ["i3", "i4"]})
    assert not {"i3", "i4"} & set(folded["items"])


def test_what_was_seen_left_out_or_filtered_never_comes_and_never_starves(
    serving: Recommending,
) -> None:
    had = {f"i{each}" for each in SEEN.of(4)}
    for seen in (False, True):
        asked = {"user": "u4", "count": ITEMS - COLD, "seen": seen, "exclude": ["i100", "gone"]}
        found = set(serving.recommend(asked)["items"])
        assert bool(had & found) == seen
        assert "i100" not in found
    narrow = {"genre": ["War"], "decade": ["1"]}
    answer = serving.recommend({"user": "u4", "count": 25, "where": narrow, "seen": True})
    assert len(answer["items"]) == 25
    assert all(int(each[1:]) % 4 == 3 and int(each[1:]) >= 100 for each in answer["items"])
    either = serving.recommend({"user": "u4", "count": 50, "where": {"genre": ["War", "Drama"]}})
    assert {int(each[1:]) % 4 for each in either["items"]} <= {1, 3}
    nothing = serving.recommend({"user": "u4", "count": 5, "where": {"genre": ["Opera"]}})
    assert nothing["items"] == []
    few = serving.recommend(
        {"user": "u4", "count": 5, "within": ["i1", "i2", "gone"], "seen": True}
    )
    assert sorted(few["items"]) == ["i1", "i2"]


def test_what_was_held_out_of_training_is_left_out_and_changes_no_score(tmp_path: Path) -> None:
    model = Popularity(SEEN)
    plain = served(model, tmp_path / "plain")
    asked = {"user": "u4", "count": 3}
    held_out = [int(each[1:]) for each in plain.recommend(asked)["items"][:2]]
    pairs = Interactions.from_pairs(
        np.array([4, 4]), np.array(held_out), user_count=SEEN.user_count, item_count=ITEMS
    )
    save_model(model, tmp_path / "model", ids=names(SEEN), held_out=pairs)
    serving = load(tmp_path / "model")
    assert not {f"i{each}" for each in held_out} & {*serving.recommend(asked)["items"]}
    again = {**asked, "seen": True}
    assert serving.recommend(again) == plain.recommend(again)
    other = {"user": "u5", "count": 3}
    assert serving.recommend(other) == plain.recommend(other)


def test_a_large_catalogue_is_searched_by_its_index(tmp_path: Path) -> None:
    model = ials(interactions())
    plain = described(model, tmp_path / "plain")
    described(model, folder := tmp_path / "model")
    write_lists(folder, build_lists(model.factors().items))  # type: ignore[union-attr]
    serving = load(folder)
    scored: list[int] = []
    whole = serving._scores
    serving._scores = lambda *given: scored.append(len(given[2])) or whole(*given)  # type: ignore[method-assign, func-returns-value]
    for user in range(20):
        asked = {"user": f"u{user}", "count": 20, "exclude": ["i1", "i2", "new0"]}
        found = serving.recommend(asked)
        assert found["items"] == plain.recommend(asked)["items"]
        assert found["scores"] == pytest.approx(plain.recommend(asked)["scores"], abs=1e-4)
        most = {"user": f"u{user}", "count": ITEMS, "where": {"decade": ["0", "1"]}}
        assert serving.recommend(most)["items"] == plain.recommend(most)["items"]
        assert {f"new{each}" for each in range(5)} <= {*serving.recommend(most)["items"]}
    assert {*scored} == {4, 5}  # the products that the index does not hold


def test_an_item_nobody_had_stands_among_its_like(serving: Recommending) -> None:
    cold = ITEMS - 1
    score = dict(zip(*_ranked(serving, {"user": "u1", "items": [f"i{cold}", "i1"]}), strict=True))
    near = serving._neighbours(cold)
    assert all(int(each) % 4 == cold % 4 for each in near)
    assert score[f"i{cold}"] == pytest.approx(float(neumf(SEEN).score(1, near).mean()), abs=1e-5)
    described = {"user": "u1", "items": ["new", "i1"], "tags": {"new": ["genre=War", "decade=1"]}}
    answer = serving.rank(described)
    assert answer["unknown"] == []
    assert None not in answer["scores"]
    like = serving.similar({"tags": ["genre=War", "decade=1"], "count": 3})
    assert all(int(each[1:]) % 4 == 3 for each in like["items"])


def test_a_product_that_training_never_saw_stands_among_its_like(tmp_path: Path) -> None:
    folder = saved(neumf(SEEN), tmp_path / "model")
    tags = [[f"genre={GENRES[each % 4]}", f"decade={each // 100}"] for each in range(ITEMS)]
    write_attributes(folder, tags, {"new": [f"genre={GENRES[3]}"], "odd": ["genre=none has it"]})
    serving = load(folder)
    answer = serving.rank({"user": "u1", "items": ["odd", "new", "i1"]})
    assert answer["unknown"] == ["odd"]
    assert set(answer["items"][:2]) == {"new", "i1"}
    like = serving.similar({"item": "new", "count": 5})
    assert len(like["items"]) == 5
    assert all(int(each[1:]) % 4 == 3 for each in like["items"])
    with pytest.raises(NotFound):
        serving.similar({"item": "odd"})


def described(model: Recommender, folder: Path) -> Recommending:
    """A model, and five products of a catalogue that it was not trained on."""
    saved(model, folder)
    tags = [[f"genre={GENRES[each % 4]}", f"decade={each // 100}"] for each in range(ITEMS)]
    others = {
        f"new{each}": [f"genre={GENRES[each % 4]}", "decade=1", f"maker={each}"]
        for each in range(5)
    }
    write_attributes(folder, tags, {**others, "odd": ["genre=none has it"]})
    return load(folder)


@pytest.mark.parametrize("model", every_kind(), ids=lambda each: each.kind)
def test_new_products_are_recommended_where_they_are_ranked(
    model: Recommender, tmp_path: Path
) -> None:
    serving = described(model, tmp_path / "model")
    new = [f"new{each}" for each in range(5)]
    every = [*(f"i{each}" for each in range(ITEMS)), *new]
    for user in ("u1", "nobody"):
        ranked = serving.rank({"user": user, "items": every})
        asked: dict[str, Any] = {"user": user, "count": 1000, "seen": True}
        found = serving.recommend(asked)
        assert found["items"] == ranked["items"]
        assert found["scores"] == pytest.approx(ranked["scores"], abs=1e-5)
        made = {**asked, "where": {"maker": ["3", "4"], "genre": ["War", "Horror"]}}
        assert serving.recommend(made)["items"] == ["new3"]
        assert serving.recommend({**made, "exclude": ["new3", "gone"]})["items"] == []
        among = {**asked, "within": ["new1", "i1", "new2", "odd"], "exclude": ["new2"]}
        assert sorted(serving.recommend(among)["items"]) == ["i1", "new1"]
        taken = serving.recommend({**asked, "history": ["new0", "i7"]})["items"]
        assert {*every} - {*taken} == {"new0", "i7"}
        only_new = serving.recommend({**asked, "history": ["new0"]})
        assert only_new["items"] == [each for each in found["items"] if each != "new0"]
    like = serving.similar({"item": "i5", "count": 1000})
    assert not {*new} & {*like["items"]}
    assert serving.rank({"user": "u1", "items": ["new0", "odd"]})["unknown"] == ["odd"]


def test_what_the_call_describes_is_scored_with_the_others(tmp_path: Path) -> None:
    serving = described(
        every_kind()[-1], tmp_path / "model"
    )  # a blend: scores compare within a call
    items = ["new2", *(f"i{each}" for each in range(40))]
    tags = {"told": ["genre=Horror", "decade=1"]}
    answer = serving.rank({"user": "u1", "items": [*items, "told"], "tags": tags})
    scores = dict(zip(answer["items"], answer["scores"], strict=True))
    assert scores["told"] == pytest.approx(scores["new2"], abs=1e-5)


@pytest.mark.parametrize(
    "asked",
    [
        {"user": "u1", "count": 0},
        {"user": "u1", "count": 10**6},
        {"user": "u1", "count": "5"},
        {"user": "u1", "where": ["genre"]},
        {"user": "u1", "exclude": "i1"},
        [],
    ],
)
def test_calls_that_do_not_fit_are_refused(serving: Recommending, asked: Any) -> None:
    with pytest.raises(InvalidInput):
        serving.recommend(asked)


def test_what_is_not_there_is_not_found(serving: Recommending, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        serving.similar({"item": "gone"})
    with pytest.raises(InvalidInput):
        serving.similar({})
    with pytest.raises(InvalidInput):
        kind_of(tmp_path)
    with pytest.raises(InvalidInput, match="no kind of model"):
        load_kind("pickle", tmp_path)


def test_attributes_of_another_model_are_refused(tmp_path: Path) -> None:
    folder = saved(neumf(SEEN), tmp_path / "model")
    write_attributes(folder, [["genre=War"]])
    with pytest.raises(InvalidInput, match="Attributes of 1 items"):
        load(folder)
    (folder / "attributes.json").write_text('{"tags": ["a"], "items": [[7]]')
    with pytest.raises(InvalidInput):
        load(folder)


def _ranked(serving: Recommending, asked: Any) -> tuple[list[str], list[float]]:
    answer = serving.rank(asked)
    return answer["items"], answer["scores"]
