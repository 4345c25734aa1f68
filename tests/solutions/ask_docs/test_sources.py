"""Sources are added where one may write and the operator allows it, looked at by the clock, and removed."""

import asyncio
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from stoa.app.house import at_work
from stoa.base.database import now
from stoa.base.errors import Forbidden, InvalidInput
from stoa.base.identity.caller import Caller
from stoa.base.secrets import private_folder
from stoa.base.settings import Settings
from stoa.solutions.ask_docs.schema import SourceView
from stoa.solutions.ask_docs.tables import SourceRow
from stoa.wiring import build
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk
from tests.solutions.ask_docs.places import Pages, counts, html


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    return {"source_folders": str(tmp_path / "shared"), "fetch_private": True}


async def test_folders_outside_the_allowed_ones_are_refused(
    desk: Desk, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "private"
    outside.mkdir()
    (outside / "secret.md").write_text("# Secret\n\nThe code is 4711.")
    (folder / "way-out").symlink_to(outside)
    (folder / "secret.md").symlink_to(outside / "secret.md")
    for location in (
        "/etc",
        str(outside),
        str(folder / ".." / ".." / "private"),
        str(folder / "way-out"),
    ):
        with pytest.raises(InvalidInput):
            await desk.call("source_add", kind="folder", location=location)
        with pytest.raises(InvalidInput):
            await desk.call("source_add", kind="git", location=location)
    source = await desk.call("source_add", kind="folder", location=str(folder))
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 0, 0)


async def test_only_writers_have_sources(desk: Desk, folder: Path) -> None:
    with pytest.raises(Forbidden):
        await desk.beside("mia").call("source_add", kind="folder", location=str(folder))


async def test_removing_a_source_keeps_or_deletes(open_desk: Desk, folder: Path) -> None:
    (folder / "leave.md").write_text(LEAVE)
    first = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=first.id)
    await open_desk.call("source_remove", source=first.id)
    assert len(await open_desk.rows()) == 1
    (folder / "leave.md").unlink()
    (folder / "parking.md").write_text(PARKING)
    second = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=second.id)
    await open_desk.call("source_remove", source=second.id, documents=True)
    assert [row.name for row in await open_desk.rows()] == ["leave.md"]


async def test_due_sources_are_synced_by_the_clock(open_desk: Desk, folder: Path) -> None:
    (folder / "leave.md").write_text(LEAVE)
    await open_desk.call("source_add", kind="folder", location=str(folder), every_minutes=60)
    report = await open_desk.call("sync_due")
    assert [counts(each) for each in report.synced] == [(1, 0, 0, 0, 0)]
    assert (await open_desk.call("sync_due")).synced == []  # not due again yet


async def test_the_clock_of_a_working_house_looks_at_sources(
    settings: Settings, sqlite_template: Path, alice: Caller, folder: Path
) -> None:
    private_folder(settings.home)
    shutil.copy(sqlite_template, settings.home / "stoa.sqlite")
    house = build(settings)
    desk, platform = Desk(house, alice), house.platform
    schedules = platform.flows._schedules

    async def looked(after: datetime) -> SourceView:
        """The source once it was looked at since then: nobody here calls for it."""
        while True:
            view: SourceView = (await desk.call("sources")).sources[0]
            if view.last_at and view.last_at > after:
                return view
            await asyncio.sleep(0.05)

    (folder / "leave.md").write_text(LEAVE)
    started = now()
    await desk.call("source_add", kind="folder", location=str(folder), every_minutes=5)
    schedules._checked -= timedelta(minutes=5)  # as if begun before the tick that was last
    try:
        async with at_work(house):
            first = await looked(started)
            assert (first.documents, first.problem) == (1, "")
            [draft] = await desk.rows()

            (folder / "leave.md").write_text(LEAVE.replace("25", "28"))
            await platform.database.write(
                lambda session: session.execute(
                    update(SourceRow).values(next_at=SourceRow.last_at)
                ),
                workspace=alice.workspace_id,
            )
            schedules._checked -= timedelta(minutes=10)
            assert first.last_at
            await looked(first.last_at)
            assert (await desk.rows())[-1].sha256 != draft.sha256
            ran = [run for run in await platform.flows.list(alice) if run.operation == "sync_due"]
            assert {run.started_by for run in ran} == {"stoa"}
    finally:
        platform.database.close()


async def test_a_source_that_is_removed_meanwhile_stops_no_other(
    open_desk: Desk, web: str, folder: Path
) -> None:
    desk, loop = open_desk, asyncio.get_running_loop()
    Pages.pages["/leave"] = (200, html(25))
    await desk.call("source_add", kind="web", location=f"{web}/leave")
    going = await desk.call("source_add", kind="folder", location=str(folder))
    (folder / "parking.md").write_text(PARKING)
    last = await desk.call("source_add", kind="folder", location=str(folder))

    def remove() -> None:
        removed = desk.call("source_remove", source=going.id)
        asyncio.run_coroutine_threadsafe(removed, loop).result(30)

    Pages.meanwhile.append(remove)
    report = await desk.call("sync_due")
    assert [counts(each)[0] for each in report.synced] == [1, 0, 1]
    assert going.id in report.synced[1].problem
    assert report.synced[2].source == last.id


async def test_an_address_is_added_once(desk: Desk, web: str) -> None:
    Pages.pages["/leave"] = (200, html(25))
    receipt = (await desk.call("add", url=f"{web}/leave")).documents[0]
    assert receipt.document.reference == f"{web}/leave"
    assert receipt.document.name == "leave.html"
    again = (await desk.call("add", url=f"{web}/leave")).documents[0]
    assert again.outcome == "already_there"
