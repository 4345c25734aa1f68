"""What each construct of a question means, in rows; and questions of the same form that have no certain meaning."""

from datetime import date
from typing import Any, Final

import pytest

from stoa.core.tables.catalogue import Catalogue
from stoa.solutions.ask_data.semantic.meaning import Meaning
from stoa.solutions.ask_data.semantic.parse import NotUnderstood, Understood, parse
from tests.solutions.ask_data.semantic.databases import Run, open_sqlite
from tests.solutions.ask_data.semantic.worlds import WORLDS

_TODAY: Final = date(2023, 7, 10)
_OPEN: Final[dict[str, tuple[Catalogue, Run]]] = {
    name: open_sqlite(script=world.schema) for name, world in WORLDS.items()
}


def _rows(world: str, question: str) -> list[tuple[Any, ...]]:
    catalogue, run = _OPEN[world]
    found = parse(question, catalogue, today=_TODAY)
    assert isinstance(found, Understood), found
    assert Meaning.model_validate_json(found.meaning.model_dump_json()) == found.meaning
    assert found.reasoning.endswith(".")
    rows = run(found.sql)
    return [
        tuple(round(value, 3) if isinstance(value, float) else value for value in row)
        for row in rows
    ]


@pytest.mark.parametrize(
    ("world", "question", "rows"),
    [
        # shares: a part beside the whole; a circumstance belongs to the whole
        ("hotel", "What percentage of bookings were cancelled?", [(18.182,)]),
        ("hotel", "What percentage of bookings were cancelled in 2023?", [(22.222,)]),
        ("hotel", "What percentage of bookings in 2023 were cancelled?", [(22.222,)]),
        ("hotel", "What percentage of guests have made a booking?", [(85.714,)]),
        ("orchard", "What share of the total weight was delivered as grade A?", [(58.871,)]),
        # rates
        ("hotel", "What is the cancellation rate?", [(18.182,)]),
        ("hotel", "Which channel has the highest cancellation rate?", [("phone", 50)]),
        # ratios
        ("hotel", "What is the ratio of bookings to guests?", [(1.571,)]),
        ("freight", "What is the ratio of refrigerated to non-refrigerated containers?", [(0.375,)]),
        # the time between two dates
        ("hotel", "Bookings longer than 5 nights", [(10,)]),
        ("helpdesk", "What is the average resolution time?", [(1.281,)]),
        ("helpdesk", "What is the average resolution time in hours?", [(30.75,)]),
        ("helpdesk", "How long does it take on average to resolve a ticket?", [(1.281,)]),
        ("energy", "How many hours did each outage last?", [(1, 5.5), (2, 1), (3, 3), (4, 23), (5, 0.75)]),
        # one number against another
        ("foundry", "Which work orders produced more than planned?", [(4,)]),
        ("freight", "How many invoices were paid after their due date?", [(2,)]),
        ("foundry", "Parts with a unit cost above the average", [("gear",), ("housing",)]),
        # groups
        ("hotel", "Average number of bookings per guest", [(1.833,)]),
        ("hotel", "Average total price per booking", [(495.909,)]),
        ("hotel", "Which booking channels have an average total price above 300?", [("website", 417.5), ("agency", 850)]),
        ("hotel", "For each country, which hotel has the most rooms?", [("Norway", "Fjord House"), ("Portugal", "Casa Azul"), ("Spain", "Puerto Lodge")]),
        ("gym", "How many sessions took place on weekends?", [(5,)]),
        ("hotel", "number of bookings per weekday", [(0, 5), (1, 1), (2, 2), (3, 2), (5, 1)]),
        ("gym", "Which plan has the fewest members?", [("Offpeak",)]),
        # rows of others
        ("hotel", "Which hotels have both single and double rooms?", [("Casa Azul",), ("Gran Via Inn",), ("Puerto Lodge",)]),
        ("museum", "Which artists do not belong to the Minimalism movement?", [("Pablo Rey",), ("Paul Morin",), ("Sara Vidal",)]),
        ("helpdesk", "Which agents resolved more than 1 ticket?", [("Gil Wolf",), ("Hal Xu",)]),
        ("helpdesk", "Which contacts never opened a ticket?", [("Cy Sand",)]),
        ("helpdesk", "How many unresolved tickets are there?", [(4,)]),
        ("helpdesk", "How many priority 1 tickets are there?", [(2,)]),
        ("podcast", "What was the most played episode?", [("The Lake",)]),
        # periods
        ("hotel", "How many guests are older than 60?", [(2,)]),
        ("helpdesk", "How many tickets were created in the last 2 months excluding the current month?", [(3,)]),
        ("foundry", "How many inspections failed in the first half of 2023?", [(2,)]),
        # echoes
        ("freight", "Which client had the most invoices in 2022 and how many were there?", [("Lumen Electric", 2)]),
    ],
)  # fmt: skip
def test_what_it_means(world: str, question: str, rows: list[tuple[Any, ...]]) -> None:
    found = _rows(world, question)
    shown = [row[: len(rows[0])] for row in found]
    assert sorted(shown, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize(
    ("world", "question"),
    [
        ("hotel", "What percentage of bookings?"),
        ("hotel", "What is the ratio of bookings?"),
        ("hotel", "What is the ratio of cancelled bookings to Spanish guests?"),
        ("hotel", "What is the conversion rate?"),
        ("hotel", "Guests longer than 5 nights"),
        ("hotel", "Rooms longer than 5 nights"),
        ("hotel", "What is the difference between Portugal and Spain?"),
        ("hotel", "What is the average number of nights per room type?"),
        ("hotel", "Which room types are not available in the Tramway?"),
        ("hotel", "What is the most popular room type among Spanish guests?"),
        ("hotel", "Guests whose bookings were all cancelled"),
        ("hotel", "What is the second most expensive room?"),
        ("hotel", "Which hotels are better than the average?"),
        ("hotel", "Guests who booked both"),
        ("helpdesk", "Who handled the ticket with the lowest satisfaction score?"),
        ("helpdesk", "What is the median satisfaction score?"),
        ("helpdesk", "Which team resolves tickets fastest?"),
        ("helpdesk", "How many untagged elephants are there?"),
        ("freight", "How many vessels sank?"),
        ("freight", "Which ports are the busiest?"),
        ("freight", "What is the distance between Santos and Busan?"),
        ("gym", "Which members are unhappy?"),
        ("museum", "How long do visitors stay?"),
        ("museum", "What is the ratio of exhibitions to artworks per year?"),
        ("museum", "Which exhibitions were open in 2022?"),
        ("orchard", "Which growers delivered in both 2022 and 2023?"),
        ("energy", "How green is the energy?"),
        ("orchard", "Which variety tastes best?"),
        ("foundry", "Which machine was down the longest in total?"),
    ],
)
def test_what_has_no_certain_meaning_is_not_answered(world: str, question: str) -> None:
    found = parse(question, _OPEN[world][0], today=_TODAY)
    assert isinstance(found, NotUnderstood), found


_ROLES: Final = """
CREATE TABLE agent (agent_id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE ticket (ticket_id INTEGER PRIMARY KEY, assigned_agent_id INTEGER, topic TEXT);
CREATE TABLE handover (handover_id INTEGER PRIMARY KEY, giving_agent_id INTEGER, taking_agent_id INTEGER);
INSERT INTO agent VALUES (1,'Ada'),(2,'Bo');
INSERT INTO ticket VALUES (1,1,'login'),(2,1,'bill'),(3,2,'login');
INSERT INTO handover VALUES (1,1,2);
"""


def test_a_key_may_say_the_role_that_it_plays() -> None:
    catalogue, run = open_sqlite(script=_ROLES)
    found = parse("How many tickets does each agent have?", catalogue)
    assert isinstance(found, Understood), found
    assert sorted(run(found.sql)) == [("Ada", 2), ("Bo", 1)]


def test_two_roles_are_two_ways_and_neither_is_chosen() -> None:
    catalogue, _ = open_sqlite(script=_ROLES)
    found = parse("How many handovers does each agent have?", catalogue)
    assert isinstance(found, NotUnderstood), found
    assert found.kind == "ambiguous"
