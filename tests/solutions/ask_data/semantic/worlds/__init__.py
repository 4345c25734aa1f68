"""Databases of very different domains, each with questions as its users would ask them.

The questions were written before anybody looked at what the parser makes of them. `worlds.WORLDS` names
them all.
"""

from typing import Final, NamedTuple

from tests.solutions.ask_data.semantic.worlds import (
    energy,
    foundry,
    freight,
    gym,
    helpdesk,
    hotel,
    museum,
    orchard,
    podcast,
)


class World(NamedTuple):
    """An SQLite script, and lines of `question | gold SQL`."""

    schema: str
    questions: str


WORLDS: Final = {
    "energy": World(energy.SCHEMA, energy.QUESTIONS),
    "foundry": World(foundry.SCHEMA, foundry.QUESTIONS),
    "freight": World(freight.SCHEMA, freight.QUESTIONS),
    "gym": World(gym.SCHEMA, gym.QUESTIONS),
    "helpdesk": World(helpdesk.SCHEMA, helpdesk.QUESTIONS),
    "hotel": World(hotel.SCHEMA, hotel.QUESTIONS),
    "museum": World(museum.SCHEMA, museum.QUESTIONS),
    "orchard": World(orchard.SCHEMA, orchard.QUESTIONS),
    "podcast": World(podcast.SCHEMA, podcast.QUESTIONS),
}
