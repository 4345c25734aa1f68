"""Whether what a house holds of documents fits together, by looking into every store there is."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from stoa.base.database import EVERY_WORKSPACE
from stoa.base.files import File
from stoa.core.knowledge import tables as knowledge
from stoa.dispatch import Dispatcher
from stoa.solutions.ask_docs.tables import DocumentRow, LifeEventRow

_READ = {"draft", "current", "superseded", "rejected"}


async def check_whole(house: Dispatcher, workspace: str, *, ended: Iterable[str] = _READ) -> None:
    """No document half there, none twice, one current version each, and nothing without an owner.

    `ended`: the states that documents may be in.
    """
    platform = house.platform
    await platform.knowledge.prepare()
    index = platform.knowledge._index
    rows = {row.id: row for row in await _all(house, DocumentRow)}
    states = {row.state for row in rows.values()}
    assert states <= {*ended}, states
    read = {row.id for row in rows.values() if row.state in _READ}
    kept = {row.id: row for row in await _all(house, knowledge.DocumentRow)}
    assert kept.keys() == read
    assert all(row.ready for row in kept.values())
    live = {row.id for row in kept.values() if row.live}
    assert live == {row.id for row in rows.values() if row.state == "current"}
    assert {row.id for row in rows.values() if row.searchable} == live

    pages = Counter(row.document_id for row in await _all(house, knowledge.PageRow))
    passages = await _all(house, knowledge.PassageRow)
    windows = Counter[str]()
    for passage in passages:
        assert passage.windows, "a passage that is not indexed"
        windows[passage.document_id] += passage.windows
    counted = Counter(passage.document_id for passage in passages)
    for each in read:
        assert (pages[each], counted[each]) == (rows[each].pages, rows[each].passages)
        assert rows[each].pages == rows[each].indexed + rows[each].reported
        assert await index.count(workspace, each) == windows[each]
    assert pages.keys() | counted.keys() <= read
    assert await index.count(workspace) == windows.total()

    current = Counter(row.lineage for row in rows.values() if row.state == "current")
    assert all(number == 1 for number in current.values())
    assert {event.document_id for event in await _all(house, LifeEventRow)} <= rows.keys()

    files = await _all(house, File)
    assert {file.id for file in files} == {row.file_id for row in rows.values()}
    objects = set(await platform.objects.list(workspace))
    assert {file.object_key for file in files} <= objects
    rest = objects - {file.object_key for file in files}
    assert all(key.split("/")[2] in read for key in rest), rest
    assert not list((Path(platform.settings.home) / "scratch").rglob("original"))


async def _all(house: Dispatcher, table: type[DeclarativeBase]) -> list[Any]:
    return await house.platform.database.read(
        lambda session: list(session.scalars(sa.select(table))), workspace=EVERY_WORKSPACE
    )
