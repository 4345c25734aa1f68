"""Connects the sample database of `sample/` in a fresh workspace, so that one can ask at once."""

from stoa.contract import Call
from stoa.solutions.ask_data.connections import SAMPLE_FOLDER
from stoa.solutions.ask_data.schema import Connect, Describe, ListConnections

SAMPLE = "bikes"
_WORDS = {
    "town": "A town we rent bicycles in, with its region.",
    "station": "A place in a town where bicycles are picked up, with its number of docks.",
    "bike": "A bicycle we own: model, type, what it cost and when it was bought.",
    "customer": "A person who rents from us, with their plan and the day they joined.",
    "trip": "One rental of a bicycle: who, which, from where, when, how long, how far, and the fee.",
    "repair": "A repair of a bicycle: what was broken, when it was repaired, what it cost.",
}


async def fill(call: Call) -> None:
    """Connect and describe the sample database, where that is not done yet."""
    there = await call.call("connections", ListConnections())
    if any(each.name == SAMPLE for each in there.connections):
        return
    url = f"sqlite:///{SAMPLE_FOLDER / 'bikes.sqlite'}"
    await call.call("connect", Connect(name=SAMPLE, url=url))
    for table, words in _WORDS.items():
        await call.call("describe", Describe(database=SAMPLE, table=table, description=words))
