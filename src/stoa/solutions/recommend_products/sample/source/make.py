"""Makes the sample shop: `../products.csv`, `../interactions.parquet` and `../new_week.csv`.

    python src/stoa/solutions/recommend_products/sample/source/make.py

All of it is drawn by a seeded generator, so the same script gives the same shop; nobody in it exists.
What it puts in is what a recommender has to find again: eight themes that a customer likes to different
degrees, a taste in colours that goes through all themes, popular and rare products, and things bought
after one another. What it puts in the way is what real exports have: rows twice, rows out of order,
customers who came once, products nobody touched.
"""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pictures import DRAWINGS, picture  # type: ignore[import-not-found]  # beside this script

FOLDER = Path(__file__).parents[1]
SEED = 20_250_131
CUSTOMERS = 600
FIRST_DAY = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp())
WEEKS = 26
DAY = 86_400
ONCE = 25
"""Customers who came once and looked at one or two things."""
UNTOUCHED = 6
"""Products that are in the catalogue and in nobody's history."""
TWICE = 0.02
"""Share of the rows that the export holds twice, the second with a later time."""

THEMES = (
    ("Kitchen", ("frying pan", "chef's knife", "cutting board")),
    ("Coffee and baking", ("coffee grinder", "espresso cup", "cake tin")),
    ("Garden", ("watering can", "plant pot", "pruning shears")),
    ("Outdoors", ("rucksack", "trekking tent", "water bottle")),
    ("Desk", ("desk lamp", "notebook", "fountain pen")),
    ("Children", ("building blocks", "picture book", "wooden train")),
    ("Evenings", ("wool blanket", "scented candle", "record player")),
    ("Cycling", ("bicycle light", "bicycle helmet", "pannier bag")),
)
COLOURS = (
    ("Slate", "#53606f", 0), ("Ink", "#2f3e63", 0), ("Graphite", "#4a4a4f", 0), ("Fog", "#7d8a94", 0),
    ("Poppy", "#c8412f", 1), ("Saffron", "#c98a12", 1), ("Teal", "#0f8080", 1), ("Violet", "#7a4fa3", 1),
    ("Sage", "#6f8a63", 2), ("Clay", "#a5644a", 2), ("Oat", "#a08a68", 2), ("Moss", "#50703f", 2),
)  # fmt: skip
"""Name, colour, and the taste it belongs to: plain, bold or natural."""
PRICES = {"Kitchen": 42, "Coffee and baking": 35, "Garden": 28, "Outdoors": 95, "Desk": 30,
          "Children": 24, "Evenings": 48, "Cycling": 52}  # fmt: skip


def main() -> None:
    """Write the three files."""
    random = np.random.default_rng(SEED)
    products = list(_products(random))
    _write(
        FOLDER / "products.csv",
        ["item", "title", "category", "taste", "price", "picture"],
        products,
    )
    rows = _history(random)
    last_week = FIRST_DAY + (WEEKS - 1) * 7 * DAY
    old, new = rows[rows[:, 2] < last_week], rows[rows[:, 2] >= last_week]
    old = np.concatenate([old, _again(random, old)])
    random.shuffle(old)  # as an export of several shards is: by no order at all
    pq.write_table(
        pa.table(
            {
                "user": [_user(each) for each in old[:, 0]],
                "item": [_item(each) for each in old[:, 1]],
                "time": old[:, 2],
            }
        ),
        FOLDER / "interactions.parquet",
        compression="zstd",
        compression_level=19,
    )
    _write(
        FOLDER / "new_week.csv",
        ["user", "item", "time"],
        [(_user(user), _item(item), int(time)) for user, item, time in new],
    )
    print(f"{len(products)} products, {len(old)} interactions, {len(new)} in the new week")


def _products(random: np.random.Generator) -> Iterator[Sequence[object]]:
    tastes = ("plain", "bold", "natural")
    number = 0
    for theme, kinds in THEMES:
        for kind in kinds:
            for name, colour, taste in COLOURS:
                number += 1
                price = round(PRICES[theme] * float(random.uniform(0.6, 1.7))) - 0.05
                title = f"{name} {kind}"
                yield (
                    _item(number),
                    title,
                    theme,
                    tastes[taste],
                    f"{price:.2f}",
                    picture(kind, colour),
                )


def _history(random: np.random.Generator) -> np.ndarray:
    """What every customer did, as rows (user, item, unix seconds), in order of time."""
    per_kind, kinds = len(COLOURS), len(DRAWINGS)
    items = per_kind * kinds
    kind_of = np.arange(items) // per_kind
    theme_of = kind_of // 3
    taste_of = np.tile([taste for _, _, taste in COLOURS], kinds)
    popular = 1 / np.power(random.permutation(items) + 3.0, 0.75)
    popular[random.choice(items, UNTOUCHED, replace=False)] = 0
    rows: list[tuple[int, int, int]] = []
    for user in range(1, CUSTOMERS + 1):
        themes = random.dirichlet(np.full(len(THEMES), 0.28))
        tastes = random.dirichlet(np.full(3, 0.45))
        wanted = popular * (themes[theme_of] + 0.015) * (tastes[taste_of] + 0.06)
        how_many = int(np.clip(random.lognormal(3.55, 0.55), 8, 110))
        if user <= ONCE:
            how_many = int(random.integers(1, 3))
        times = _moments(random, how_many)
        last = -1
        for time in times:
            chance = wanted.copy()
            if last >= 0:  # one thing leads to the next: the same colour, another kind of the theme
                near = (theme_of == theme_of[last]) & (kind_of != kind_of[last])
                chance[near] *= 2.5
                chance[near & (np.arange(items) % per_kind == last % per_kind)] *= 5
            chance /= chance.sum()
            last = int(random.choice(items, p=chance))
            wanted[last] = 0  # seen: the next time it is something else
            rows.append((user, last + 1, time))
            if not wanted.any():
                break
    found = np.array(rows, dtype=np.int64)
    return found[np.argsort(found[:, 2], kind="stable")]


def _moments(random: np.random.Generator, how_many: int) -> list[int]:
    """Visits of a few minutes, some days apart, over half a year; the first at any time."""
    visits = max(1, how_many // 4)
    days = np.sort(random.uniform(random.uniform(0, WEEKS * 3.5), WEEKS * 7 - 0.1, visits))
    when = np.sort(random.choice(days, how_many))
    minutes = np.sort(random.uniform(0, 3000, how_many))
    return [FIRST_DAY + int(day * DAY + minute) for day, minute in zip(when, minutes, strict=True)]


def _again(random: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    """Some rows once more, minutes to hours later: the latest counts."""
    chosen = rows[random.random(len(rows)) < TWICE].copy()
    chosen[:, 2] += random.integers(60, 20_000, len(chosen))
    return chosen


def _user(number: int) -> str:
    return f"u{number:03d}"


def _item(number: int) -> str:
    return f"p{number:03d}"


def _write(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
