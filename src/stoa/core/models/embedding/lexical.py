"""The last resort where no encoder is installed: words and letter groups, hashed into a vector.

Signed feature hashing (Weinberger et al. 2009) of words and letter groups. Texts that
share words or parts of words come out close; texts that say the same in other words do not, and
`honest_note` says so. No model, no data files, any language; deterministic on every machine.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from stoa.core.models.embedding.embedder import Kind, Window
from stoa.core.models.embedding.windows import by_characters
from stoa.core.models.embedding.words import words

NAME = "hashed-words-1"
DIMENSIONS = 1024
NOTE = "Search goes by shared words and parts of words, not by meaning."
_PIECE = 4000
_GROUP = 4
_WEIGHTS = {"word": 1.0, "group": 0.35}


class HashedWords:
    """Vectors of hashed words."""

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        """Unit vectors, float32, (len(texts), 1024). Query and passage are treated alike."""
        return await asyncio.to_thread(
            lambda: (
                np.stack([_vector(text) for text in texts], axis=0)
                if texts
                else np.zeros((0, DIMENSIONS), np.float32)
            )
        )

    def windows(self, text: str, *, heading: str = "") -> list[Window]:
        """Pieces of some 4,000 characters: longer ones share words with everything."""
        return by_characters(text, heading=heading, room=_PIECE)


def _vector(text: str) -> np.ndarray:
    vector = np.zeros(DIMENSIONS, np.float32)
    for feature, weight in _features(text):
        place = zlib.crc32(feature.encode())
        sign = 1.0 if zlib.crc32(feature.encode(), 0x5EED) & 1 else -1.0
        vector[place % DIMENSIONS] += sign * weight
    length = float(np.linalg.norm(vector))
    if length == 0.0:
        vector[0] = length = 1.0
    return vector / length


def _features(text: str) -> Iterator[tuple[str, float]]:
    found = words(text)
    counted: Counter[tuple[str, str]] = Counter(("word", word) for word in found)
    for word in found:
        marked = f"<{word}>"
        counted.update(
            ("group", marked[at : at + _GROUP]) for at in range(max(1, len(marked) - _GROUP + 1))
        )
    for (kind, feature), count in counted.items():
        yield f"{kind}:{feature}", _WEIGHTS[kind] * (1.0 + float(np.log(count)))
