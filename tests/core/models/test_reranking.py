"""Reranking: scores from a local cross-encoder or a server, booked, bounded, refused at the start."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stoa.base.database import Database
from stoa.base.errors import Bug, LimitReached, ProviderError, SetupError
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.limits import ModelLimits
from stoa.core.models.models import Models
from tests.core.models.conftest import POLICY, booked
from tests.core.models.cross_encoders import write_cross_encoder
from tests.providers import INPUT_TOKENS, Malformed, Status, Stub

NAME = "openai:bge-reranker"
TEXTS = ["The pump is bolted to a base.", "Replace the seal every year.", "Seal and pump"]


@pytest.fixture
def settings(reachable: dict[str, Any]) -> Settings:
    return Settings.load(**reachable, model_reranker=NAME)


async def ask(models: Models, query: str = "pump seal", texts: list[str] = TEXTS) -> list[float]:
    scores = await models.rerank(query, texts, workspace="workspace_a")
    assert scores.dtype == np.float32
    return [float(score) for score in scores]


async def test_a_server_scores_and_is_booked(
    settings: Settings, stub: Stub, sqlite: Database, alice: Caller
) -> None:
    models = Models(settings, sqlite, policy=POLICY)
    assert models.reranks
    assert await ask(models) == [1.0, 1.0, 2.0]  # the stub counts words, and answers best first
    asked = stub.received[0]
    assert asked.path == "/v1/rerank"
    assert asked.body == {
        "model": "bge-reranker",
        "query": "pump seal",
        "documents": TEXTS,
        "top_n": 3,
    }
    (line,) = await booked(sqlite, alice)
    assert (line.prompt, line.answered_by, line.outcome) == ("rerank", NAME, "answered")
    assert line.input_tokens == INPUT_TOKENS
    await models.close()


async def test_it_is_asked_again_when_it_was_busy(
    settings: Settings, stub: Stub, sqlite: Database
) -> None:
    models = Models(settings, sqlite, policy=POLICY)
    stub.plan(Status(429), Status(503))
    assert await ask(models) == [1.0, 1.0, 2.0]
    assert len(stub.received) == 3
    await models.close()


@pytest.mark.parametrize(
    ("act", "told", "retryable"),
    [
        (Status(401), "refused the key", False),
        (Status(404), "does not know this model", False),
        (Status(422), "refused the request", False),
        (Status(500), "is not available now", True),
        (Malformed(), "can't be read", True),
    ],
)
async def test_what_fails_is_said(
    settings: Settings, stub: Stub, sqlite: Database, act: Any, told: str, retryable: bool
) -> None:
    models = Models(settings, sqlite, policy=POLICY)
    stub.plan(*[act] * 3)
    with pytest.raises(ProviderError, match=told) as caught:
        await ask(models)
    assert caught.value.retryable is retryable
    await models.close()


async def test_a_budget_that_is_used_up_stops_it(
    settings: Settings, stub: Stub, sqlite: Database, alice: Caller
) -> None:
    models = Models(settings, sqlite, policy=POLICY)
    await models.set_limits(alice, ModelLimits(tokens_per_day=0))
    with pytest.raises(LimitReached):
        await ask(models)
    assert not stub.received
    await models.close()


@pytest.mark.parametrize("name", ["cohere:rerank-v3.5", "rerank", "openai:bge-reranker"])
def test_who_can_not_rerank_is_refused_at_the_start(
    name: str, tmp_path: Path, sqlite: Database
) -> None:
    with pytest.raises(SetupError, match=r"names no model|in order"):
        Models(Settings.load(home=tmp_path, model_reranker=name), sqlite)


def test_an_incomplete_folder_is_refused_at_the_start(tmp_path: Path, sqlite: Database) -> None:
    with pytest.raises(SetupError, match=r"model\.onnx"):
        Models(Settings.load(home=tmp_path, model_reranker=f"onnx:{tmp_path}"), sqlite)


@pytest.mark.parametrize("classes", [1, 2])
async def test_a_local_cross_encoder(classes: int, tmp_path: Path, sqlite: Database) -> None:
    folder = write_cross_encoder(tmp_path / "mine", {"seal": 2.0, "pump": 1.0}, classes=classes)
    models = Models(Settings.load(home=tmp_path, model_reranker=f"onnx:{folder}"), sqlite)
    texts = ["a pump", "a seal", "neither", "", "pump and seal"]
    assert await ask(models, "which one?", texts) == [1.0, 2.0, 0.0, 0.0, 2.0]
    assert await ask(models, "which one?", []) == []


async def test_the_end_of_a_long_text_counts(tmp_path: Path, sqlite: Database) -> None:
    """Far beyond what the model reads at once; and a query that would leave no room for the text."""
    folder = write_cross_encoder(tmp_path / "mine", {"seal": 1.0}, length=100)
    models = Models(Settings.load(home=tmp_path, model_reranker=f"onnx:{folder}"), sqlite)
    long = "word " * 900
    assert await ask(models, "which one?", [f"{long} seal", long]) == [1.0, 0.0]
    assert await ask(models, long, [f"{long} seal", long]) == [1.0, 0.0]


async def test_without_one_there_is_nothing_to_ask(tmp_path: Path, sqlite: Database) -> None:
    models = Models(Settings.load(home=tmp_path), sqlite)
    assert not models.reranks
    with pytest.raises(Bug):
        await ask(models)
