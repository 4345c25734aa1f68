"""A house at work: what schedules start, and for whom."""

import subprocess
import sys
from datetime import UTC, datetime

from stoa.app.house import at_work, keep_schedule
from stoa.base.settings import Settings
from stoa.wiring import build
from tests.app.example import EXAMPLE


async def test_a_tick_works_once_for_each_workspace(
    settings: Settings, only_the_example: None
) -> None:
    dispatcher = build(settings)
    platform = dispatcher.platform
    await platform.accounts.create_workspace("Ours")
    owner = await platform.accounts.ensure_sample()
    tick = datetime(2026, 1, 1, 3, tzinfo=UTC)
    try:
        async with at_work(dispatcher):
            for _ in range(2):  # as after a crash
                await keep_schedule(dispatcher, EXAMPLE, EXAMPLE.schedules[0], tick)
            (run,) = await platform.flows.list(owner)
            ended = await platform.flows.wait(owner, run.id)
    finally:
        platform.database.close()
    assert ended.result == {"sum": 3}
    assert ended.started_by == "stoa"


def test_where_no_model_is_configured_no_library_of_theirs_is_loaded(settings: Settings) -> None:
    """It would take a fifth of the time to start, for every command."""
    code = f"""
import sys
import stoa.app.serving
from stoa.base.settings import Settings
from stoa.wiring import build
build(Settings.load(home={str(settings.home)!r})).platform.database.close()
print(*sorted({{"pydantic_ai", "openai", "anthropic", "torch", "lancedb"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
