"""Local toxicity and sentiment beside alt-profanity-check and VADER, on texts that nothing was tuned on.

    python -m benchmarks.classifiers --data ../shared/data

Toxicity: comments with the labels Toxic and Not Toxic. Sentiment: sentences of product reviews with a human
score of -4..4. Both sets are public (MIT) and not in the repository. The half that counts is chosen by the
hash of the comment, or of the review that a sentence is from; the other half was in view when word lists and
calibration were made, and is not measured. Writes the reliability picture of docs/guide/classifiers.md.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tests.core.language.scoring import auc, calibration_error

from benchmarks.results import record
from stoa.core.language.sentiment import judge_sentiment
from stoa.core.language.toxicity import judge_toxicity

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv/peers/bin/python"
PICTURE = ROOT / "docs/pictures/toxicity_reliability.svg"
BINS, NEUTRAL = 10, 0.5


def comments(path: Path) -> tuple[list[str], np.ndarray]:
    """Texts, and whether each is toxic."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if _counts(row["text"])]
    return [row["text"] for row in rows], np.array([row["is_toxic"] == "Toxic" for row in rows])


def reviews(path: Path) -> tuple[list[str], np.ndarray]:
    """Sentences, and how their readers felt them, -4..4."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if _counts(row[0].split("_")[0])]
    return [row[2] for row in kept], np.array([float(row[1]) for row in kept])


def _counts(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def timed(score: Callable[[str], float], texts: Sequence[str]) -> tuple[np.ndarray, float]:
    """Scores, and texts a second; once before, to get warm."""
    for text in texts:
        score(text)
    started = time.perf_counter()
    scores = np.array([score(text) for text in texts])
    return scores, len(texts) / (time.perf_counter() - started)


def peers(python: Path, toxic: list[str], felt: list[str]) -> dict[str, Any] | None:
    """Their scores for the same texts, in their own environment."""
    if not python.exists():
        return None
    script = Path(__file__).with_name("peer_classifiers.py")
    asked = json.dumps({"toxicity": toxic, "sentiment": felt})
    run = subprocess.run(
        [str(python), str(script)], input=asked, capture_output=True, text=True, check=True
    )
    return dict(json.loads(run.stdout))


def three_ways(scores: np.ndarray, labels: np.ndarray, margin: float) -> float:
    """Share of sentences put right into negative, neutral or positive."""
    given = np.sign(scores) * (np.abs(scores) > margin)
    wanted = np.sign(labels) * (np.abs(labels) > NEUTRAL)
    return float((given == wanted).mean())


def reliability(scores: np.ndarray, toxic: np.ndarray) -> str:
    """The picture: in each tenth of the score, the share that people called toxic."""
    side, left, top = 300, 50, 16
    which = np.minimum((scores * BINS).astype(int), BINS - 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side + 150} {side + 64}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{side + 150}" height="{side + 64}" fill="#fff"/>',
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="#f6f7f9" stroke="#c9d0da"/>',
        f'<line x1="{left}" y1="{top + side}" x2="{left + side}" y2="{top}" stroke="#8a94a3" stroke-dasharray="5 4"/>',
    ]
    for each in np.unique(which):
        inside = which == each
        x, y = scores[inside].mean(), toxic[inside].mean()
        spread = 1.96 * np.sqrt(max(y * (1 - y), 0.02) / inside.sum())
        px, py = left + x * side, top + (1 - y) * side
        high, low = (top + (1 - np.clip(y + sign * spread, 0, 1)) * side for sign in (1, -1))
        parts.append(
            f'<line x1="{px:.1f}" y1="{high:.1f}" x2="{px:.1f}" y2="{low:.1f}" stroke="#2f5fa8" stroke-width="2"/>'
            f'<circle cx="{px:.1f}" cy="{py:.1f}" r="{3 + 6 * np.sqrt(inside.mean()):.1f}" fill="#2f5fa8"/>'
        )
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = left + tick * side, top + (1 - tick) * side
        parts.append(
            f'<text x="{x:.0f}" y="{top + side + 18}" text-anchor="middle" fill="#5c6675">{tick:g}</text>'
            f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end" fill="#5c6675">{tick:g}</text>'
        )
    parts.append(
        f'<text x="{left + side / 2}" y="{top + side + 40}" text-anchor="middle" fill="#1d2430">score</text>'
        f'<text x="{left + side + 10}" y="{top + 14}" fill="#1d2430">ECE {calibration_error(scores, toxic):.3f}</text>'
        f'<text x="{left + side + 10}" y="{top + 32}" fill="#5c6675">{len(scores)} comments</text>'
        f'<text x="14" y="{top + side / 2}" transform="rotate(-90 14 {top + side / 2})" text-anchor="middle" '
        'fill="#1d2430">called toxic by people</text></svg>\n'
    )
    return "".join(parts)


def main() -> None:
    """Measure, print, record, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--peers", type=Path, default=PEERS, help="Python that has the peers")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"The labelled texts are not at {given.data}; name their folder with --data.")
        return
    said, toxic = comments(given.data / "toxicity/toxicity_en_half.csv")
    written, felt = reviews(given.data / "reviews/amazon_snippets_half.tsv")
    scores, rate = timed(lambda text: judge_toxicity(text).score, said)
    feelings, felt_rate = timed(lambda text: judge_sentiment(text).score, written)
    peer = peers(given.peers, said, written)
    theirs = np.array(peer["toxicity"]) if peer else None
    vader = np.array(peer["sentiment"]) if peer else None

    apc, vs = "alt-profanity-check", "VADER"
    note = f"{len(said)} comments never tuned on"
    record(
        "toxicity, AUC",
        auc(scores, toxic),
        "",
        apc,
        _or_none(theirs, lambda t: auc(t, toxic)),
        note,
    )
    record("toxicity, calibration error", calibration_error(scores, toxic), "", apc,
           _or_none(theirs, lambda t: calibration_error(t, toxic)), note)  # fmt: skip
    record("toxicity, texts a second", rate, "/s", apc,
           len(said) / peer["seconds"][0] if peer else None, "short comments, one at a time; peer in one batch")  # fmt: skip
    note = f"{len(written)} sentences of reviews never tuned on"
    record("sentiment, correlation", _correlation(feelings, felt), "", vs,
           _or_none(vader, lambda v: _correlation(v, felt)), note)  # fmt: skip
    record("sentiment, right of three", three_ways(feelings, felt, 0.1), "", vs,
           _or_none(vader, lambda v: three_ways(v, felt, 0.05)), note)  # fmt: skip
    record("sentiment, texts a second", felt_rate, "/s", vs,
           len(written) / peer["seconds"][1] if peer else None)  # fmt: skip
    PICTURE.write_text(reliability(scores, toxic), encoding="utf-8")


def _or_none(scores: np.ndarray | None, figure: Callable[[np.ndarray], float]) -> float | None:
    return None if scores is None else figure(scores)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


if __name__ == "__main__":
    main()
