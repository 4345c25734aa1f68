"""Makes the sample database, `../bikes.sql` and from it `../bikes.sqlite`: a bicycle rental in four towns.

    python src/stoa/solutions/ask_data/sample/source/make.py

All of it is drawn by a seeded generator, so the same script gives the same rows; nobody in it exists.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

_TOWNS = [
    ("Northhaven", "North"),
    ("Larkfield", "North"),
    ("Easton", "South"),
    ("Millbrook", "South"),
]
_STATIONS = [
    "Central Station",
    "Old Harbour",
    "University",
    "Market Square",
    "City Park",
    "Hospital",
]
_MODELS = [("Swift", "city"), ("Atlas", "cargo"), ("Volt", "electric"), ("Pico", "child")]
_FIRST = [
    "Ada",
    "Ben",
    "Clara",
    "David",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Liam",
]
_LAST = ["Abel", "Berg", "Costa", "Dahl", "Engel", "Frost", "Green", "Holm"]
_PLANS = [("Flex", 6.0), ("Basic", 19.5), ("Plus", 149.0)]
_FAULTS = ["brake", "tyre", "light", "chain", "battery"]
_SCHEMA = """-- A bicycle rental in four towns, made by source/make.py. Nobody in it exists.
CREATE TABLE town (
  town_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  region TEXT NOT NULL
);
CREATE TABLE station (
  station_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  town_id INTEGER NOT NULL REFERENCES town (town_id),
  docks INTEGER NOT NULL
);
CREATE TABLE bike (
  bike_id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  type TEXT NOT NULL,
  price NUMERIC(8, 2) NOT NULL,
  bought_on DATE NOT NULL
);
CREATE TABLE customer (
  customer_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  plan TEXT NOT NULL,
  joined_on DATE NOT NULL
);
CREATE TABLE trip (
  trip_id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer (customer_id),
  bike_id INTEGER NOT NULL REFERENCES bike (bike_id),
  station_id INTEGER NOT NULL REFERENCES station (station_id),
  started_at TIMESTAMP NOT NULL,
  minutes INTEGER NOT NULL,
  distance_km NUMERIC(6, 1) NOT NULL,
  fee NUMERIC(6, 2) NOT NULL
);
CREATE TABLE repair (
  repair_id INTEGER PRIMARY KEY,
  bike_id INTEGER NOT NULL REFERENCES bike (bike_id),
  fault TEXT NOT NULL,
  repaired_on DATE NOT NULL,
  cost NUMERIC(8, 2) NOT NULL
);
"""


def rows() -> dict[str, Sequence[tuple[object, ...]]]:
    """Every table's rows."""
    dice = Random(7)
    first = date(2024, 1, 1)
    towns = [(n, *each) for n, each in enumerate(_TOWNS, 1)]
    stations = [
        (n, f"{town[1]} {name}", town[0], dice.randrange(8, 31, 2))
        for n, (town, name) in enumerate(
            ((t, s) for t in towns for s in _STATIONS[: 3 + t[0] % 3]), 1
        )
    ]
    bikes = []
    for n in range(1, 41):
        model, kind = dice.choices(_MODELS, [5, 2, 3, 1])[0]
        price = {"city": 480, "cargo": 1650, "electric": 2100, "child": 260}[kind]
        day = first - timedelta(days=dice.randrange(900))
        bikes.append((n, model, kind, price + 10 * dice.randrange(12), day.isoformat()))
    customers = []
    for n in range(1, 61):
        name = f"{_FIRST[n % len(_FIRST)]} {_LAST[(n // 12 + n) % len(_LAST)]}"
        plan = dice.choices([plan for plan, _ in _PLANS], [3, 4, 2])[0]
        day = first + timedelta(days=dice.randrange(-300, 500))
        mail = f"{name.lower().replace(' ', '.')}{n}@example.org"
        customers.append((n, name, mail, plan, day.isoformat()))
    trips = []
    for n in range(1, 401):
        customer = dice.choice(customers)
        joined = max(date.fromisoformat(str(customer[4])), first)
        day = joined + timedelta(days=dice.randrange(max(1, (date(2025, 12, 31) - joined).days)))
        moment = datetime(day.year, day.month, day.day, dice.randrange(6, 23), dice.randrange(60))
        minutes = dice.randrange(4, 120)
        bike = dice.choice(bikes)
        distance = round(minutes * (0.24 if bike[2] == "electric" else 0.17), 1)
        place = dice.choice(stations)
        fee = round(1 + minutes * 0.12, 2)
        trips.append(
            (n, customer[0], bike[0], place[0], moment.isoformat(" "), minutes, distance, fee)
        )
    repairs = []
    for n in range(1, 71):
        bike = dice.choice(bikes)
        fault = dice.choice(_FAULTS if bike[2] == "electric" else _FAULTS[:-1])
        day = first + timedelta(days=dice.randrange(700))
        repairs.append((n, bike[0], fault, day.isoformat(), 12.5 + 2.5 * dice.randrange(30)))
    return {
        "town": towns,
        "station": stations,
        "bike": bikes,
        "customer": customers,
        "trip": trips,
        "repair": repairs,
    }


def script() -> str:
    """The whole script."""
    parts = [_SCHEMA]
    for table, content in rows().items():
        lines = ",\n".join(f"  ({', '.join(_literal(value) for value in row)})" for row in content)
        parts.append(f"INSERT INTO {table} VALUES\n{lines};\n")
    return "\n".join(parts)


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


if __name__ == "__main__":
    folder = Path(__file__).parents[1]
    (folder / "bikes.sql").write_text(script(), encoding="utf-8")
    (folder / "bikes.sqlite").unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "bikes.sqlite")) as connection:
        connection.executescript(script())
