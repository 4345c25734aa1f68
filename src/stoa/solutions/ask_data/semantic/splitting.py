"""How the name of a table or a column falls into words: `OrderItem`, `order_items`, `ORDERITEM2`.

Knows one name at a time.
"""

import re
from functools import lru_cache
from typing import Final

from stoa.solutions.ask_data.semantic.stems import singular

_PART: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")


@lru_cache(maxsize=50_000)
def split_name(name: str) -> tuple[str, ...]:
    """The words of a name, small letters, as they stand.

    >>> split_name("InvoiceLine_id")
    ('invoice', 'line', 'id')
    """
    return tuple(part.lower() for part in _PART.findall(name))


@lru_cache(maxsize=50_000)
def name_words(name: str) -> tuple[str, ...]:
    """The words of a name in the singular."""
    return tuple(singular(part) for part in split_name(name))
