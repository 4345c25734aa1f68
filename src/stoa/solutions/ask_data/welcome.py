"""Fills a fresh workspace with the sample database of `sample/`, so that one can ask at once."""

import asyncio
import sqlite3
from pathlib import Path

from stoa.contract import Call
from stoa.solutions.ask_data.connections import SAMPLE_FOLDER
from stoa.solutions.ask_data.schema import Connect, Describe, ListConnections

SAMPLE = "bikes"
_SCRIPT = Path(__file__).parent / "sample" / "bikes.sql"
_WORDS = {
    "town": "A town we rent bicycles in, with its region.",
    "station": "A place in a town where bicycles are picked up, with its number of docks.",
    "bike": "A bicycle we own: model, type, what it cost and when it was bought.",
    "customer": "A person who rents from us, with their plan and the day they joined.",
    "trip": "One rental of a bicycle: who, which, from where, when, how long, how far, and the fee.",
    "repair": "A repair of a bicycle: what was broken, when it was repaired, what it cost.",
}


async def fill(call: Call) -> None:
    """Make the sample database and connect it, where that is not done yet."""
    folder = call.platform.settings.home.resolve() / SAMPLE_FOLDER / call.caller.workspace_id
    path = folder / "bikes.sqlite"
    await asyncio.to_thread(_make, path)
    there = await call.call("connections", ListConnections())
    if any(each.name == SAMPLE for each in there.connections):
        return
    await call.call("connect", Connect(name=SAMPLE, url=f"sqlite:///{path}"))
    for table, words in _WORDS.items():
        await call.call("describe", Describe(database=SAMPLE, table=table, description=words))


def _make(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft)
    try:
        connection.executescript(_SCRIPT.read_text(encoding="utf-8"))
    finally:
        connection.close()
    draft.replace(path)
