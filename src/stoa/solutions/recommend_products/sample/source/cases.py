"""Makes `../../cases.toml`: what customers really took in the new week, hidden among nine other products.

    python src/stoa/solutions/recommend_products/sample/source/cases.py

The model of the sample has not seen that week. Nothing is picked by how it turns out: every twelfth
customer of the week, their first product of it that they had not had before.
"""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

FOLDER = Path(__file__).parents[1]
EVERY = 12
OTHERS = 9
HEAD = """# What customers really took in the week after the data: is it ranked first among ten products?
# Run them with: stoa evaluate recommend_products. Made by sample/source/cases.py; by chance 0.1 are right.

operation = "rank"

[bar]
correct = 0.35
"""


def main() -> None:
    """Write the cases."""
    random = np.random.default_rng(7)
    table = pq.read_table(FOLDER / "interactions.parquet").to_pydict()
    had: dict[str, set[str]] = {}
    for user, item in zip(table["user"], table["item"], strict=True):
        had.setdefault(user, set()).add(item)
    every = sorted({item for items in had.values() for item in items})
    taken: dict[str, str] = {}
    with (FOLDER / "new_week.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["item"] not in had.get(row["user"], set()) and row["user"] in had:
                taken.setdefault(row["user"], row["item"])
    parts = [HEAD]
    for user in sorted(taken)[::EVERY]:
        free = [item for item in every if item not in had[user] and item != taken[user]]
        items = sorted([*random.choice(free, OTHERS, replace=False).tolist(), taken[user]])
        listed = ", ".join(f'"{item}"' for item in items)
        parts.append(
            "\n[[case]]\n"
            f'request = {{ shop = "larkfield", user = "{user}", items = [{listed}] }}\n'
            f'expect = {{ items = ["{taken[user]}"] }}\n'
        )
    (FOLDER.parent / "cases.toml").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
