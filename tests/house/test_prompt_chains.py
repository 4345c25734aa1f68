"""The example of docs/guide/prompt-chains.md is run as it stands there."""

import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from stoa.base.database import EVERY_WORKSPACE
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.contract import Solution
from stoa.wiring import build
from tests.conftest import two_workspaces

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "prompt-chains.md"
REVIEWS = ["The delivery was quick, lovely.", "It broke at once. Terrible.", "It is a kettle."]


async def test_the_example_works_as_a_durable_operation(
    settings: Settings, alice: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    module = types.ModuleType("prompt_chains_example")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # type names are looked up there
    exec(found[1], vars(module))
    example: Any = vars(module)["OPERATION"]
    solution = Solution("example", "Example", "Of the guide.", PAGE.parent, (example,))
    monkeypatch.setattr("stoa.wiring.solutions", lambda: [solution])
    house = build(settings)
    house.platform.database.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
    await house.platform.flows.launch()
    run = (await house.start(alice, "example", "digest", {"reviews": REVIEWS})).run_id
    view = await house.platform.flows.wait(alice, run)
    steps = [
        event.data["name"]
        async for event in house.platform.flows.events(alice, run)
        if event.kind == "step" and event.data["state"] == "finished"
    ]
    await house.platform.flows.close()
    await house.platform.knowledge.close()
    await house.platform.models.close()
    house.platform.database.close()
    assert view.result is not None, view.error
    moods = [each["sentiment"] for each in view.result["answers"]]
    assert moods[0] > 0.25
    assert moods[1] < -0.25
    assert view.result["answers"][0]["reply"].startswith("Hello, thank you very much")
    assert sorted(steps) == ["feel"] * 3 + ["write"] * 3
