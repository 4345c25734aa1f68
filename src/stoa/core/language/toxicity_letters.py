"""Letter groups and words of a text, hashed: what lets the toxicity model see words that no list holds.

Groups of 3 to 5 letters within words (`<twit>`), and whole words, counted into 2^13 places by CRC-32 (feature
hashing, Weinberger et al. 2009), square roots of the counts, length 1. Knows no weights.
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

PLACES = 2**13
_GROUPS = (3, 4, 5)
_LONGEST_WORD = 20
_MOST_WORDS = 400


@lru_cache(maxsize=50_000)
def places_of(word: str) -> tuple[int, ...]:
    """Where a word and its letter groups are counted."""
    marked = f"<{word[:_LONGEST_WORD]}>"
    pieces = [f"w:{word}"] + [
        marked[at : at + size] for size in _GROUPS for at in range(len(marked) - size + 1)
    ]
    return tuple(zlib.crc32(piece.encode()) % PLACES for piece in pieces)


def letters_of(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Places (int, unique) and their values (float32, length 1) of a text's words."""
    counted = [place for word in words[:_MOST_WORDS] for place in places_of(word)]
    if not counted:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    places, counts = np.unique(np.asarray(counted, np.int64), return_counts=True)
    values = np.sqrt(counts).astype(np.float32)
    return places, values / np.linalg.norm(values)
