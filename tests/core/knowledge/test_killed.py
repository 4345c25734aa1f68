"""Kill -9 in the middle of ingestion: no half-indexed document, no duplicate passage, at any step.

A real process ingests and kills itself at one place; then it is run again, as a durable flow would:
steps that were recorded are not repeated, the one that was cut off is.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stoa.base.database import Database
from stoa.core.knowledge.documents import IngestReport, Source
from tests.core.knowledge.building import A, DirectStepper, Room
from tests.forked import run_forked

TEXT = "\n\n".join(
    f"# Chapter {n}\n\n" + f"Fact number{n} is written here, in chapter {n}. " * 120
    for n in range(40)
)
PLACES = [
    "parse:before",
    "parse:row",
    "parse:pages",
    "parse:after",
    "cut:half",
    "cut:after",
    "embed:row",
    "embed:index",
    "embed:after",
    "embed#2:after",
    "finish:before",
    "finish:after",
]


class RecordingStepper(DirectStepper):
    """Keeps results of finished steps in a file, and dies where it was told to."""

    def __init__(self, path: Path, die_at: str = "") -> None:
        super().__init__()
        self._path = path
        self._die_at = die_at
        self._done: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        self._at = 0

    async def step(self, work: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        number, self._at = self._at, self._at + 1
        name = work.__name__
        if number < len(self._done):
            assert self._done[number]["name"] == name
            kept = self._done[number]["result"]
            kind = work.__annotations__["return"]
            return kind.model_validate(kept) if issubclass(kind, BaseModel) else kept
        if name == "embed":
            name = "embed" if self.steps.count("embed") == 0 and number == 2 else "embed#2"
        self.steps.append(work.__name__)
        die(self._die_at, f"{name}:before")
        result = await work(*arguments)
        die(self._die_at, f"{name}:after")
        plain = result.model_dump() if isinstance(result, BaseModel) else result
        self._done.append({"name": work.__name__, "result": plain})
        self._path.write_text(json.dumps(self._done))
        return result


def die(at: str, here: str) -> None:
    if at == here:
        os.kill(os.getpid(), signal.SIGKILL)


def dying(room: Room, at: str) -> None:
    """Put the deaths that lie within a step into the parts that the step calls."""
    records, index = room.knowledge._records, room.index

    def after(owner: Any, name: str, place: str) -> None:
        original = getattr(owner, name)

        async def then_die(*arguments: Any, **named: Any) -> Any:
            result = await original(*arguments, **named)
            die(at, place)
            return result

        def then_die_now(*arguments: Any, **named: Any) -> Any:
            result = original(*arguments, **named)
            die(at, place)
            return result

        is_async = asyncio.iscoroutinefunction(original)
        setattr(owner, name, then_die if is_async else then_die_now)

    after(records, "begin", "parse:row")
    after(records, "add_pages", "parse:pages")
    after(records, "add_passages_now", "cut:half")
    after(index, "upsert", "embed:row")
    after(records, "set_windows", "embed:index")


async def ingest(folder: Path, url: str, source: Source, index_url: str, at: str) -> None:
    database = Database(url)
    room = Room(folder, database, index_url=index_url)
    dying(room, at)
    stepper = RecordingStepper(folder / f"{source.document_id}.json", at)
    report = await room.knowledge.ingest(source, stepper)
    (folder / f"{source.document_id}.report").write_text(report.model_dump_json())
    await room.knowledge.close()
    database.close()


def in_process(folder: Path, url: str, source: Source, index_url: str, at: str) -> int:
    """Exit code of a process that ingests; minus the signal where it was killed."""
    given = json.dumps([str(folder), url, source.model_dump(), index_url, at])
    return run_forked("tests.core.knowledge.test_killed", [given], timeout=100).returncode


async def check_whole(room: Room, source: Source) -> None:
    report = IngestReport.model_validate_json(
        (room.folder / f"{source.document_id}.report").read_text()
    )
    passages, missing, windows = await room.knowledge._records.totals(A, source.document_id)
    assert (passages, missing) == (report.passages, 0)
    await room.knowledge.prepare()
    assert await room.index.count(A, source.document_id) == windows
    assert report.pages == report.indexed + report.reported
    pages = await room.knowledge.pages(A, source.document_id)
    assert [page.number for page in pages] == list(range(1, report.pages + 1))
    await room.knowledge.publish(A, source.document_id)
    for mode in ("keyword", "vector"):
        hits = await room.knowledge.search(
            A, "Fact number7", collections=["manuals"], limit=60, mode=mode
        )
        ids = [hit.passage.id for hit in hits]
        assert len(ids) == len(set(ids))
        assert "number7" in hits[0].passage.text


@pytest.mark.parametrize(
    "at",
    ["embed:row", *(pytest.param(p, marks=pytest.mark.slow) for p in PLACES if p != "embed:row")],
)
@pytest.mark.parametrize(
    ("database", "engine"),
    [("sqlite", "lance"), pytest.param("postgresql", "pgvector", marks=pytest.mark.slow)],
    indirect=["database"],
)
async def test_killed_and_run_again(
    tmp_path: Path, database: Database, engine: str, at: str
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    index_url = "" if engine == "lance" else url.replace("+psycopg", "")
    room = Room(tmp_path, database, index_url=index_url)
    source = await room.source(TEXT)
    killed = await asyncio.to_thread(in_process, tmp_path, url, source, index_url, at)
    assert killed == -signal.SIGKILL
    await room.knowledge.prepare()
    assert await room.knowledge.search(A, "Fact number7", collections=["manuals"]) == []
    assert await asyncio.to_thread(in_process, tmp_path, url, source, index_url, "") == 0
    await check_whole(room, source)
    assert not list((room.home / "scratch").rglob("original")) or at.startswith("parse")
    await room.knowledge.delete(A, source.document_id)
    assert not list((room.home / "scratch").rglob("original"))
    assert await room.index.count(A) == 0
    await room.knowledge.close()


if __name__ == "__main__":
    its_folder, its_url, its_source, its_index, its_death = json.loads(sys.argv[1])
    asyncio.run(
        ingest(Path(its_folder), its_url, Source.model_validate(its_source), its_index, its_death)
    )
