"""The small model that says how much the signs of toxicity count together: `toxicity_weights.json`.

logit = features x weights + letters x weights + offset; score = 1 / (1 + exp(-(slope x logit + shift))).
Trained by `toxicity_train.py` on sentences that we made; no foreign text or weight is in it. Apache-2.0 as
the rest of Stoa. Slope and shift alone were fitted on labelled public comments, see `calibrated_on` in the file.
"""

import base64
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from stoa.core.language.toxicity_features import NAMES, Seen
from stoa.core.language.toxicity_letters import letters_of

WEIGHTS_FILE = Path(__file__).with_name("toxicity_weights.json")


@dataclass(frozen=True)
class Model:
    """The weights, ready to multiply."""

    features: np.ndarray
    letters: np.ndarray
    offset: float
    slope: float
    shift: float

    def logit(self, seen: Seen) -> float:
        """Before calibration."""
        return float(self.features @ seen.row) + self.offset + self.by_letters(seen)

    def by_letters(self, seen: Seen) -> float:
        """What the spelling alone says."""
        places, values = letters_of([token.word for token in seen.tokens])
        return float(self.letters[places] @ values)

    def chance(self, seen: Seen) -> float:
        """The chance, 0..1, that a moderator would call it toxic."""
        return 1 / (
            1 + math.exp(-max(-30.0, min(30.0, self.slope * self.logit(seen) + self.shift)))
        )


@lru_cache(maxsize=1)
def model() -> Model:
    """The weights that ship, read at the first call."""
    content = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    packed = content["letters"]
    numbers = np.frombuffer(base64.b64decode(packed["values"]), np.int8)
    return Model(
        features=np.array([content["features"].get(name, 0.0) for name in NAMES], np.float32),
        letters=numbers.astype(np.float32) * float(packed["scale"]),
        offset=float(content["offset"]),
        slope=float(content["calibration"]["slope"]),
        shift=float(content["calibration"]["shift"]),
    )
