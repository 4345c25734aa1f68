"""A stub of all providers, and the models room over it on a database of its own."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stoa.base.database import Database
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.models import Models
from stoa.core.models.prompts import Prompt
from stoa.core.models.retries import RetryPolicy
from stoa.core.models.tables import ModelCall
from tests.core.models.test_prompts import HEAD, Inputs, Output, twin, written
from tests.providers import Stub

POLICY = RetryPolicy(retries=2, timeout=20.0, first_pause=0.01)
NAMES = {
    "openai": "openai:gpt-4o-mini",
    "anthropic": "anthropic:claude-haiku-4-5",
    "bedrock": "bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0",
}


@pytest.fixture
def reachable(stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings under which all three providers are the stub."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "dummy")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "dummy")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return {
        "home": tmp_path / "home",
        "openai_base_url": f"{stub.url}/v1",
        "anthropic_base_url": stub.url,
        "bedrock_endpoint_url": stub.url,
        "ANTHROPIC_API_KEY": "dummy",
    }


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """A model of each provider."""
    return NAMES[request.param]


@pytest.fixture
def broken_connections() -> Iterator[None]:
    """boto3 leaves a connection that broke in mid-stream to the garbage collector, which complains."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
async def models(name: str, reachable: dict[str, Any], sqlite: Database) -> AsyncIterator[Models]:
    """The room, with that model for everything."""
    opened = Models(Settings.load(**reachable, model_strong=name), sqlite, policy=POLICY)
    yield opened
    await opened.close()


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt[Inputs, Output]:
    return Prompt(written(tmp_path, head=HEAD + "\ntemperature: 0.1\nmax_tokens: 50"), twin)


async def booked(database: Database, caller: Caller) -> list[ModelCall]:
    """The ledger of the caller's workspace, oldest first."""
    query = select(ModelCall).order_by(ModelCall.id)
    return list(
        await database.read(lambda s: s.scalars(query).all(), workspace=caller.workspace_id)
    )
