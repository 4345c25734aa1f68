"""How alike two texts are in their words: 0 nothing in common, 1 the same.

Cosine of counts of four-letter groups within words, without accents and case, so that "delivered" is near
"delivery". It knows nothing of meaning, and reports that use it say so.
"""

import math
import re
import unicodedata
from collections import Counter

_WORD = re.compile(r"[^\W_]+")
_GROUP = 4


def similarity(one: str, other: str) -> float:
    """0..1."""
    first, second = _groups(one), _groups(other)
    if not first or not second:
        return 0.0
    shared = sum(count * second[group] for group, count in first.items())
    return shared / math.sqrt(_square(first) * _square(second))


def _groups(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in plain if not unicodedata.combining(each))
    counted: Counter[str] = Counter()
    for word in _WORD.findall(plain):
        marked = f"<{word}>"
        counted.update(marked[at : at + _GROUP] for at in range(max(1, len(marked) - _GROUP + 1)))
    return counted


def _square(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())
