"""Keyword scores in LanceDB: BM25 of what the scope alone holds.

LanceDB weighs a word by how many rows of the table hold it, whoever may read them; so a closed document
could change the order of what another reader finds. Where all rows of the scope that hold a word of the
question are looked at, they are scored anew here, and nothing outside of the scope has a say. Where there
are more, how many hold a word isn't known from those looked at, and LanceDB's weights stand.
"""

import math
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

LOOKED_AT: Final = 100
"""Rows that are read, unless more are wanted."""
_K1: Final = 1.2
_B: Final = 0.75


def bm25(texts: Any, asked: list[str], rows: int) -> np.ndarray:
    """Scores of texts (an array of prepared words): all that hold a word of a scope of so many rows."""
    often, lengths = _occurrences(texts, asked)
    norm = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean())))
    scores = np.zeros(len(texts))
    for in_text in often:
        holding = np.count_nonzero(in_text)
        idf = math.log(1 + (rows - holding + 0.5) / (holding + 0.5))
        scores += idf * in_text * (_K1 + 1) / (in_text + norm)
    return scores


def _occurrences(texts: Any, asked: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """How often each word (rows of the result) stands in each text, and how many words that has."""
    split = pc.split_pattern(texts, " ")
    places = split.offsets.to_numpy()
    flat = split.flatten()
    often = np.empty((len(asked), len(texts)))
    for number, word in enumerate(asked):
        until = np.cumsum(pc.equal(flat, word).to_numpy(zero_copy_only=False))
        until = np.concatenate([[0], until])
        often[number] = until[places[1:]] - until[places[:-1]]
    return often, np.diff(places).astype(float)
