"""Sources are added where one may write and the operator allows it, looked at by the clock, and removed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import Forbidden, InvalidInput
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
