"""What a cosine means for one embedder: found out by measuring it, not fixed for all.

Method. Forty-seven questions written for this purpose each have one passage that answers them, among
easily mistaken ones of the same topic (`calibration_pairs.toml`). Documents hold an answer alone or
amid other matter, so each is tried in both ways: by itself, and between its two neighbours. For each
question and way the best text that holds the answer and the best that does not are taken; the latter
is what a search would offer if the answer were not in the documents. Of each, two things are noted:
the cosine, and the share of the question's words in it. A logistic curve over both, with a small
ridge, is fitted to tell the two kinds apart (Platt 1999). Where it passes one half, at the usual share
of words, is the threshold.

The result is kept per embedder in the data folder; the embedders that ship have theirs written down
in choose.py, and a test measures them again. This file knows no model.
"""

import asyncio
import hashlib
import json
import os
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from stoa.core.models.embedding.embedder import Calibration, Kind
from stoa.core.models.embedding.words import coverage, words

_PAIRS = Path(__file__).parent / "calibration_pairs.toml"
_RIDGE = 0.5
_ROUNDS = 50


@dataclass(frozen=True)
class Measured:
    """What has to be measured of an embedder before its vectors mean something."""

    dimensions: int
    calibration: Calibration


class Vectors(Protocol):
    """As much of an embedder as calibrating needs."""

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray: ...


def topics() -> list[list[tuple[str, str]]]:
    """By topic: questions, each with the passage that answers it."""
    content = tomllib.loads(_PAIRS.read_text(encoding="utf-8"))
    return [[(question, answer) for question, answer in each["pairs"]] for each in content["topic"]]


def trials() -> tuple[list[str], list[tuple[list[str], np.ndarray]]]:
    """The questions, and for each way of trying: the texts, and which text answers which question
    (booleans, questions down, texts across)."""
    questions: list[str] = []
    alone: list[str] = []
    amid: list[str] = []
    owners: list[list[int]] = []
    for topic in topics():
        first = len(questions)
        for at, (question, answer) in enumerate(topic):
            questions.append(question)
            alone.append(answer)
            near = range(max(0, at - 1), min(len(topic), at + 2))
            amid.append(" ".join(topic[each][1] for each in near))
            owners.append([first + each for each in near])
    holds = np.zeros((len(questions), len(amid)), bool)
    for text, held in enumerate(owners):
        holds[held, text] = True
    return questions, [(alone, np.eye(len(alone), dtype=bool)), (amid, holds)]


async def witnesses(vectors: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """(cosine, coverage) per question and way: for the best text that answers it, and the best that
    does not. Shape of each: (trials, 2)."""
    questions, ways = trials()
    asked = await vectors.embed(questions, "query")
    answered: list[np.ndarray] = []
    unanswered: list[np.ndarray] = []
    for texts, holds in ways:
        cosines = asked @ (await vectors.embed(texts, "passage")).T
        shares = _shares(questions, texts)
        for chosen, kind in ((holds, answered), (~holds, unanswered)):
            best = np.where(chosen, cosines, -np.inf).argmax(axis=1)
            rows = np.arange(len(questions))
            kind.append(np.stack([cosines[rows, best], shares[rows, best]], axis=1))
    return np.concatenate(answered), np.concatenate(unanswered)


def _shares(questions: list[str], texts: list[str]) -> np.ndarray:
    """Coverage of each question's words by each text: (questions, texts)."""
    offered = [words(text) for text in texts]
    return np.array([[coverage(words(each), text) for text in offered] for each in questions])


async def measure(vectors: Vectors) -> Measured:
    """Measure an embedder: some 140 short texts are embedded."""
    answered, unanswered = await witnesses(vectors)
    width = (await vectors.embed([""], "query")).shape[1]
    return Measured(width, fit(answered, unanswered))


def fit(answered: np.ndarray, unanswered: np.ndarray) -> Calibration:
    """The logistic curve between two samples of (cosine, coverage), by Newton's method."""
    x = np.concatenate([answered, unanswered]).astype(np.float64)
    y = np.concatenate([np.ones(len(answered)), np.zeros(len(unanswered))])
    middle, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    design = np.concatenate([(x - middle) / spread, np.ones((len(x), 1))], axis=1)
    ridge = np.diag([_RIDGE, _RIDGE, 0.0])
    weights = np.zeros(3)
    for _ in range(_ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (chance - y) + ridge @ weights
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature + 1e-9 * np.eye(3), gradient)
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    # An embedder worse than chance still gets a curve that rises, if hardly.
    by_cosine, by_words = np.maximum(weights[:2], 1e-2)
    threshold = float(np.clip(middle[0] - spread[0] * weights[2] / by_cosine, -1.0, 1.0))
    return Calibration(
        threshold=round(threshold, 4),
        slope=round(float(by_cosine / spread[0]), 2),
        words=round(float(by_words / spread[1]), 2),
        usual_coverage=round(float(middle[1]), 3),
    )


async def kept_measure(vectors: Vectors, name: str, folder: Path) -> Measured:
    """What is kept under `folder` for that name; measured and kept where there is nothing."""
    digest = hashlib.sha256(_PAIRS.read_bytes() + name.encode()).hexdigest()
    path = folder / f"calibration-{digest[:16]}.json"
    kept = await asyncio.to_thread(_read, path)
    if kept is None:
        kept = await measure(vectors)
        await asyncio.to_thread(_keep, path, name, kept)
    return kept


def _read(path: Path) -> Measured | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        dimensions = int(content.pop("dimensions"))
        del content["embedder"]
        return Measured(dimensions, Calibration(**content))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # cut off while it was written: measured again


def _keep(path: Path, name: str, measured: Measured) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    kept = {"embedder": name, "dimensions": measured.dimensions, **asdict(measured.calibration)}
    temporary.write_text(json.dumps(kept), encoding="utf-8")
    temporary.replace(path)
