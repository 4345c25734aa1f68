"""Trains the toxicity model on sentences made by our own grammar, and writes the weights that ship.

    python -m stoa.core.language.toxicity_train                     # weights; keeps the calibration
    python -m stoa.core.language.toxicity_train --calibrate FILE    # CSV of text,is_toxic: new calibration

Method. `toxicity_sentences.toml` makes civil and toxic sentences, the toxic words are drawn from the word
list, one in five is disguised as people disguise them. Logistic regression by Newton's method over the
features of `toxicity_features.py`, drawn towards weights set by hand (a Gaussian prior: what the grammar
can't teach stays as a person would have it), and by gradient over hashed letter groups with a strong ridge.
Calibration (Platt 1999) is two numbers, slope and offset, fitted on labelled comments: generated sentences
are far easier to tell apart than real ones, and would make the model too sure of itself.
"""

import argparse
import base64
import csv
import json
import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stoa.core.language.toxicity_features import NAMES, see
from stoa.core.language.toxicity_letters import PLACES, letters_of
from stoa.core.language.toxicity_lexicon import lexicon
from stoa.core.language.toxicity_model import WEIGHTS_FILE, model

_GRAMMAR = Path(__file__).with_name("toxicity_sentences.toml")
_PER_LINE = 30
_SEED = 2026
_PRIOR_STRENGTH = 120.0
_RIDGE = 3.0
_MODESTY = 0.8
"""The list was written with these comments in view, so on others the model is right less often."""
_LETTERS_SHARE = 0.5
"""Spelling helps, and misleads on subjects the grammar does not know: it counts half."""
_ROUNDS = 200
_SLOT = re.compile(r"\{(\w+)\}")
_DISGUISED = 0.2
_SLANG = {"a": "@4", "e": "3", "i": "1!", "o": "0", "s": "$5", "u": "*", "t": "7"}


@dataclass(frozen=True)
class Example:
    """One made sentence."""

    text: str
    toxic: bool


def examples(per_line: int = _PER_LINE, seed: int = _SEED) -> list[Example]:
    """The training sentences: the same for the same seed."""
    rng = random.Random(seed)
    grammar = tomllib.loads(_GRAMMAR.read_text(encoding="utf-8"))
    made: list[Example] = []
    for language in ("en", "fr"):
        slots = {name: text.split("|") for name, text in grammar[language]["slots"].items()}
        slots |= _listed(language)
        for kind in ("civil", "toxic"):
            for line in filter(None, grammar[language][kind]["lines"].split("\n")):
                for _ in range(per_line):
                    text = _varied(_filled(line, slots, rng), rng)
                    made.append(Example(text, kind == "toxic"))
    return made


def _listed(language: str) -> dict[str, list[str]]:
    """The words of the list by kind, for the slots of that name."""
    found: dict[str, list[str]] = {}
    for word, entries in lexicon().words.items():
        for entry in entries:
            if entry.language == language and not word.endswith("s"):
                found.setdefault(entry.kind, []).append(word)
    return found


def _filled(line: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    def fill(found: re.Match[str]) -> str:
        word = rng.choice(slots[found[1]])
        listed = found[1] in ("insult", "slur", "contempt", "beastly")
        return _disguise(word, rng) if listed and rng.random() < _DISGUISED else word

    return _SLOT.sub(fill, line)


def _disguise(word: str, rng: random.Random) -> str:
    """As people write past a filter: signs for letters, gaps, drawn-out letters."""
    way = rng.randrange(4)
    inner = [at for at in range(1, len(word) - 1) if word[at] in _SLANG]
    if way == 0 and inner:
        at = rng.choice(inner)
        return word[:at] + rng.choice(_SLANG[word[at]]) + word[at + 1 :]
    if way == 1 and len(word) > 3:
        at = rng.randrange(1, len(word) - 1)
        return word[:at] + "*" + word[at + 1 :]
    if way == 2 and word.isalpha():
        return rng.choice(" .-").join(word)
    at = rng.randrange(len(word))
    return word[:at] + word[at] * rng.randrange(2, 5) + word[at + 1 :]


def _varied(text: str, rng: random.Random) -> str:
    """Shouted, lower-case, without its stop: as comments come."""
    draw = rng.random()
    if draw < 0.08:
        return text.upper()
    if draw < 0.4:
        return text.lower()
    return text.rstrip(".") if draw < 0.6 else text


def _rows(texts: list[str]) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    seen = [see(text) for text in texts]
    rows = np.stack([each.row for each in seen]).astype(np.float64)
    return rows, [letters_of([token.word for token in each.tokens]) for each in seen]


def train(made: list[Example]) -> dict[str, Any]:
    """The content of the weights file, without its calibration."""
    rows, letters = _rows([each.text for each in made])
    toxic = np.array([each.toxic for each in made], np.float64)
    prior = json.loads(WEIGHTS_FILE.with_name("toxicity_prior.json").read_text(encoding="utf-8"))
    wanted = np.array([prior["features"].get(name, 0.0) for name in NAMES] + [prior["offset"]])
    weights = _newton(np.c_[rows, np.ones(len(rows))], toxic, wanted)
    by_letters = _LETTERS_SHARE * _descend(letters, toxic)
    return {
        "made_by": "python -m stoa.core.language.toxicity_train",
        "licence": "Apache-2.0. Trained on sentences and word lists written for Stoa; no other data.",
        "examples": len(made),
        "features": {
            name: round(float(weight), 3) for name, weight in zip(NAMES, weights[:-1], strict=True)
        },
        "offset": round(float(weights[-1]), 3),
        "letters": _packed(by_letters),
    }


def _newton(design: np.ndarray, toxic: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The most likely weights under a Gaussian prior around `prior`."""
    weights = prior.copy()
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (chance - toxic) + _PRIOR_STRENGTH * (weights - prior)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curvature + _PRIOR_STRENGTH * np.eye(len(weights)), gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights


def _descend(letters: list[tuple[np.ndarray, np.ndarray]], toxic: np.ndarray) -> np.ndarray:
    """Weights of the letter groups alone, with a strong ridge, by accelerated gradient descent."""
    which = np.concatenate([np.full(len(places), row) for row, (places, _) in enumerate(letters)])
    places = np.concatenate([each[0] for each in letters])
    values = np.concatenate([each[1] for each in letters]).astype(np.float64)
    weights, ahead = np.zeros(PLACES), np.zeros(PLACES)
    rate = 1 / (0.25 * len(toxic) + _RIDGE)
    rate *= 4  # rows have length 1, so the curvature is far below its bound
    for turn in range(1, _ROUNDS + 1):
        logit = np.bincount(which, values * ahead[places], minlength=len(toxic))
        wrong = 1 / (1 + np.exp(-logit)) - toxic
        gradient = np.bincount(places, values * wrong[which], minlength=PLACES) + _RIDGE * ahead
        following = ahead - rate * gradient
        ahead = following + (turn - 1) / (turn + 2) * (following - weights)
        weights = following
    return weights


def calibrate(logits: np.ndarray, toxic: np.ndarray) -> tuple[float, float]:
    """Slope and offset of Platt's curve, with his smoothed targets."""
    few, many = (~toxic.astype(bool)).sum(), toxic.sum()
    target = np.where(toxic > 0, (many + 1) / (many + 2), 1 / (few + 2))
    design = np.c_[logits, np.ones(len(logits))]
    weights = np.zeros(2)
    for _ in range(100):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, design.T @ (chance - target))
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def _labelled(path: Path) -> Iterator[tuple[str, bool]]:
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["text"], row["is_toxic"].strip().lower() in ("toxic", "1", "true", "yes")


def _packed(weights: np.ndarray) -> dict[str, Any]:
    """One byte a weight: they matter to two figures."""
    scale = float(np.abs(weights).max()) / 127
    numbers = np.round(weights / scale).astype(np.int8)
    return {"scale": scale, "values": base64.b64encode(numbers.tobytes()).decode()}


def main() -> None:
    """Train, calibrate where labelled comments are given, and write the file."""
    parser = argparse.ArgumentParser(description="Train the toxicity model.")
    parser.add_argument("--calibrate", type=Path, help="CSV of text,is_toxic to calibrate on")
    parser.add_argument("--source", default="", help="what these comments are, for the record")
    given = parser.parse_args()
    known = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8")) if WEIGHTS_FILE.exists() else {}
    content = train(examples())
    content["calibration"] = known.get("calibration", {"slope": 1.0, "shift": 0.0, "fitted_on": ""})
    _write(content)
    if given.calibrate:
        labelled = list(_labelled(given.calibrate))
        logits = np.array([model().logit(see(text)) for text, _ in labelled])
        slope, shift = calibrate(logits, np.array([toxic for _, toxic in labelled], np.float64))
        content["calibration"] = {
            "slope": round(_MODESTY * slope, 4),
            "shift": round(_MODESTY * shift, 4),
            "fitted_on": f"{len(labelled)} comments: {given.source or given.calibrate.name}",
        }
        _write(content)
    print(f"{content['examples']:,} sentences → {WEIGHTS_FILE.name}", content["calibration"])


def _write(content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    WEIGHTS_FILE.write_text(text, encoding="utf-8")
    model.cache_clear()


if __name__ == "__main__":
    main()
