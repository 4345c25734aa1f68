"""What an embedder is: texts in, unit vectors out, and an honest account of what a score means.

Two texts are compared by the cosine of their vectors. What cosine means "this passage answers this
question" differs from one embedder to the next, so every embedder carries a `Calibration` instead of
sharing one fixed number. This file knows no model and no provider.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Kind = Literal["query", "passage"]


@dataclass(frozen=True)
class Window:
    """A piece that an embedder takes in whole: `start` is where it begins in the text it was cut
    from, `text` what is embedded of it, with the lead before it."""

    start: int
    text: str


@dataclass(frozen=True)
class Calibration:
    """How a cosine of one embedder reads as relevance, with the words that were asked for as a second
    witness: an encoder sees what a text means, and misses names and numbers.

    Relevance is 0.5 at the cosine `threshold` where a usual share of the words is there; it grows with
    the cosine by `slope` and with the share by `words`.
    """

    threshold: float
    slope: float
    words: float
    usual_coverage: float

    def relevance(self, similarity: float, coverage: float) -> float:
        """Relevance, 0..1, of a passage to a query.

        `similarity`: cosine of their vectors; `coverage`: share of the query's words that stand close
        together in the passage (`words.coverage`).
        """
        weight = self.slope * (similarity - self.threshold)
        weight += self.words * (coverage - self.usual_coverage)
        return 1.0 / (1.0 + math.exp(-weight))


class Embedder(Protocol):
    """Turns texts into unit vectors of one space."""

    @property
    def name(self) -> str:
        """Names the vector space. Vectors of two names are never compared: another name means the
        index is built anew."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector. Known after `prepare`."""
        ...

    @property
    def calibration(self) -> Calibration:
        """What a cosine means here. Known after `prepare`."""
        ...

    @property
    def threshold(self) -> float:
        """The cosine that separates relevant from not, all else being usual. Known after
        `prepare`."""
        ...

    @property
    def honest_note(self) -> str:
        """What a person should know about its limits, for the console; empty where nothing."""
        ...

    async def prepare(self) -> None:
        """Load what has to be loaded, and calibrate where no calibration is kept. Idempotent."""
        ...

    def windows(self, text: str, *, heading: str = "") -> list[Window]:
        """`text` cut into pieces that are each taken in whole, each led by `heading`.

        An encoder silently ignores what lies beyond its input length; cut this way nothing of a
        long passage is lost. At least one piece. May take milliseconds: call it in a thread.
        """
        ...

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        """Unit vectors, float32, shape (len(texts), dimensions); an empty text gets some vector."""
        ...
