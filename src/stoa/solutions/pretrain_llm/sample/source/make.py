"""Writes `sample/harbour.txt`: the log of a harbour that does not exist, drawn from a small grammar.

    python make.py

It was written for this project, so that a first model can be trained without anybody else's text. The
same seed gives the same file.
"""

import random
from pathlib import Path

SEED = 7
DAYS = 420
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BOATS = (
    "the ferry Larkfield", "the pilot boat", "the schooner Anna", "the dredger", "a small trawler",
    "the mail boat", "the tug Patience", "a yacht from the south", "the lighthouse tender",
)  # fmt: skip
CARGO = (
    "timber", "forty crates of apples", "coal for the school", "salt", "three pianos", "bricks",
    "wool", "letters and parcels", "a new bell for the church", "rope", "lamp oil", "nine goats",
)  # fmt: skip
PEOPLE = (
    "the harbour master", "Mrs Ellwood", "the pilot", "old Tamsin", "the keeper", "the boy Jory",
    "the baker", "the captain", "two men from the customs house", "the schoolmistress",
)  # fmt: skip
WEATHER = (
    "Fog until noon.", "Clear, with a light wind from the west.", "Rain all day.", "Hard frost.",
    "A gale in the night; the wind turned north by morning.", "Warm and still.", "Heavy swell.",
    "Sleet, then sun.",
)  # fmt: skip
PLACES = ("the long quay", "the inner basin", "the stone pier", "the slip", "the north buoy")
DEEDS = (
    "painted the boat shed", "mended the nets", "measured the depth at {place}",
    "brought soup for the crew", "counted the sacks twice", "lit the lamp early",
    "lost a hat to the wind", "found a bottle at {place}", "asked for a berth at {place}",
    "sang until late", "wrote a letter home", "cleared the ice from {place}",
)  # fmt: skip
REMARKS = (
    "“It will hold,” said {person}.", "{Person} did not agree.", "Nobody was hurt.",
    "The tide was higher than the table says.", "We shall see.", "The cat came along.",
    "“Better late than wet,” said {person}.", "{Person} has promised to pay on Friday.",
)  # fmt: skip


def day(number: int, draw: random.Random) -> str:
    """The entry of one day."""
    lines = [f"Day {number}, {WEEKDAYS[number % 7]}. {draw.choice(WEATHER)}"]
    count = draw.randint(1, 4)
    lines += [draw.choice((_arrival, _departure, _deed))(draw) for _ in range(count)]
    if draw.random() < 0.6:
        lines.append(_filled(draw.choice(REMARKS), draw))
    return " ".join(lines)


def _arrival(draw: random.Random) -> str:
    boat = draw.choice(BOATS)
    hour = draw.randint(4, 21)
    return (
        f"{_capital(boat)} came in at {hour} with {draw.choice(CARGO)} and made fast at "
        f"{draw.choice(PLACES)}."
    )


def _departure(draw: random.Random) -> str:
    count = draw.randint(2, 30)
    return f"{_capital(draw.choice(BOATS))} left on the {draw.choice(('ebb', 'flood'))} with {count} passengers."


def _deed(draw: random.Random) -> str:
    return f"{_capital(draw.choice(PEOPLE))} {_filled(draw.choice(DEEDS), draw)}."


def _filled(text: str, draw: random.Random) -> str:
    person = draw.choice(PEOPLE)
    return text.format(person=person, Person=_capital(person), place=draw.choice(PLACES))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    draw = random.Random(SEED)
    text = "\n\n".join(day(number, draw) for number in range(1, DAYS + 1)) + "\n"
    (Path(__file__).parents[1] / "harbour.txt").write_text(text, encoding="utf-8")
