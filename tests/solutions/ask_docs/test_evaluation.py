"""The cases of ask_docs pass their bar without a model, with the encoder that ships."""

from typing import Any

import pytest

from stoa.core.evaluation.evaluate import evaluate
from stoa.core.models.embedding import minilm
from tests.conftest import lacking
from tests.solutions.ask_docs.conftest import Desk


@pytest.fixture
def given() -> dict[str, Any]:
    if minilm.find_weights() is None:
        lacking("the weights of all-MiniLM-L6-v2 (see docs)")
    return {"model_embedding": ""}


@pytest.mark.slow
async def test_the_offline_floor_passes_the_bar(desk: Desk) -> None:
    solution = desk.house.solutions["ask_docs"]
    for name in ("employee-handbook.pdf", "it-runbook.md", "travel-policy.docx"):
        await desk.publish(name, (solution.folder / "sample" / name).read_bytes())

    async def call(operation: str, request: dict[str, Any]) -> Any:
        return await desk.call(operation, **request)

    report = await evaluate({"offline": call}, solution.folder)
    assert report.misses == [], report.markdown()
