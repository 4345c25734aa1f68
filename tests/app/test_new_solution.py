"""The starter makes a solution that works as it is; one existing file is touched."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stoa.solutions
import stoa.wiring
from stoa.app.new_solution import make
from stoa.base.settings import Settings
from stoa.core.evaluation.evaluate import evaluate
from stoa.dispatch import Dispatcher


@pytest.fixture
def house(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dispatcher]:
    """A house with nothing but the new solution, made from the starter."""
    make("shorten_texts", solutions=tmp_path / "solutions", tests=tmp_path / "tests")
    places = [*stoa.solutions.__path__, str(tmp_path / "solutions")]
    monkeypatch.setattr(stoa.solutions, "__path__", places)
    monkeypatch.setattr(stoa.wiring, "SOLUTIONS", ("shorten_texts",))
    built = stoa.wiring.build(settings)
    yield built
    built.platform.database.close()
    for name in [name for name in sys.modules if name.startswith("stoa.solutions.shorten_texts")]:
        del sys.modules[name]


async def test_it_answers_and_passes_its_own_bar(house: Dispatcher) -> None:
    solution = house.solutions["shorten_texts"]
    owner = await house.platform.accounts.ensure_sample()

    async def call(operation: str, request: dict[str, object]) -> dict[str, object]:
        answered = await house.call(owner, solution.name, operation, request)
        return answered.model_dump()

    text = "The bridge is closed. Work on the bridge takes two weeks. Use the ferry."
    result = await call("summarise", {"text": text, "sentences": 1})
    assert result["answered_by"] == "offline"
    assert str(result["sentences"][0]) in text  # type: ignore[index]
    assert (await evaluate({"offline": call}, solution.folder)).passed


@pytest.mark.parametrize("name", ["", "Ask", "ask", "../up_there", "ask_docs_", "3d_models"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a name is"):
        make(name, solutions=tmp_path, tests=tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    make("shorten_texts", solutions=tmp_path / "s", tests=tmp_path / "t")
    with pytest.raises(ValueError, match="exists"):
        make("shorten_texts", solutions=tmp_path / "s", tests=tmp_path / "t")
