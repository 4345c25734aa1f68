"""Thresholds tuned on what people decided: precision and recall, a suggested pair, and a picture.

A label is a person's word on one score: a decision on a held review, or what somebody said afterwards.
Held reviews alone show only the middle, so labels of others are worth more than their number.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.errors import NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Call, Platform
from stoa.solutions.answer_reviews.channels import settings_of
from stoa.solutions.answer_reviews.schema import (
    Point,
    Suggestion,
    Thresholds,
    ThresholdsRequest,
)
from stoa.solutions.answer_reviews.tables import LabelRow

FEWEST, FEWEST_EACH = 20, 5
"""Labels, and labels of either kind, below which nothing is suggested."""
STEPS = 50
_MOST_LABELS = 20_000


@dataclass(frozen=True)
class Labelled:
    """A score and what a person said of it."""

    score: float
    harmful: bool


async def thresholds(call: Call, request: ThresholdsRequest) -> Thresholds:
    """Show what each threshold would have done to the labelled reviews, and suggest a pair."""
    return await _thresholds(call.platform, call.caller.workspace_id, request)


async def picture(
    platform: Platform, caller: Caller, parameters: Mapping[str, str]
) -> tuple[str, bytes]:
    """SVG of precision and recall over the thresholds; `all` for every channel together."""
    name = parameters["channel"]
    try:
        request = ThresholdsRequest(channel=None if name == "all" else name)
    except ValueError as error:
        raise NotFound(f"There is no channel '{name[:40]}'.", hint="List the channels.") from error
    found = await _thresholds(platform, caller.workspace_id, request)
    return "image/svg+xml", svg_of(found).encode()


async def _thresholds(platform: Platform, workspace: str, request: ThresholdsRequest) -> Thresholds:
    def look(session: Session) -> tuple[float, float, list[Labelled]]:
        query = sa.select(LabelRow.score, LabelRow.harmful).order_by(LabelRow.at.desc())
        if request.channel is not None:
            query = query.where(LabelRow.channel == request.channel)
        rows = session.execute(query.limit(_MOST_LABELS))
        settings = settings_of(session, request.channel or "default")
        return settings.low, settings.high, [Labelled(score, harmful) for score, harmful in rows]

    low, high, labels = await platform.database.read(look, workspace=workspace)
    suggestion, note = suggest(labels, (low, high), request.recall, request.precision)
    return Thresholds(
        channel=request.channel or "",
        low=low,
        high=high,
        labels=len(labels),
        harmful=sum(each.harmful for each in labels),
        curve=curve_of(labels),
        suggestion=suggestion,
        note=note,
    )


def curve_of(labels: Sequence[Labelled]) -> list[Point]:
    """Precision and recall of each threshold from 0 to 1."""
    bad = sorted(each.score for each in labels if each.harmful)
    every = sorted(each.score for each in labels)
    points = []
    for step in range(STEPS + 1):
        threshold = step / STEPS
        above = len(every) - bisect_left(every, threshold)
        caught = len(bad) - bisect_left(bad, threshold)
        points.append(
            Point(
                threshold=threshold,
                precision=round(caught / above, 4) if above else None,
                recall=round(caught / len(bad), 4) if bad else None,
            )
        )
    return points


def suggest(
    labels: Sequence[Labelled], current: tuple[float, float], recall: float, precision: float
) -> tuple[Suggestion | None, str]:
    """The pair that keeps both promises and holds the fewest texts, or why there is none.

    From `low` on, the share `recall` of the harmful texts is caught or held; above `high`, the share
    `precision` is harmful. Of pairs that hold equally few, the one nearest to the current pair: a gap
    in few labels is no reason to go to its edge.
    """
    bad = sorted(each.score for each in labels if each.harmful)
    good = sorted(each.score for each in labels if not each.harmful)
    if len(labels) < FEWEST or min(len(bad), len(good)) < FEWEST_EACH:
        return None, (
            f"{len(labels)} labels, {len(bad)} of them harmful: a suggestion takes {FEWEST}, and"
            f" {FEWEST_EACH} of either kind."
        )
    grid = [step / 100 for step in range(101)]
    lows = [each for each in grid if 1 - bisect_left(bad, each) / len(bad) >= recall]
    highs = [each for each in grid if _precision_above(bad, good, each) >= precision]

    def cost(pair: tuple[float, float]) -> tuple[int, float]:
        low, high = pair
        held = sum(bisect_right(each, high) - bisect_left(each, low) for each in (bad, good))
        return held, abs(low - current[0]) + abs(high - current[1])

    low, high = min(((a, b) for a in lows for b in highs if a <= b), key=cost)
    suggestion = Suggestion(
        low=low,
        high=high,
        held=round(cost((low, high))[0] / len(labels), 4),
        missed=round(bisect_left(bad, low) / len(bad), 4),
        wrongly_refused=round((len(good) - bisect_right(good, high)) / len(good), 4),
    )
    return suggestion, f"From {len(labels)} labels; the fewer there are, the less it says."


def _precision_above(bad: Sequence[float], good: Sequence[float], high: float) -> float:
    """Share of the harmful ones among those above `high`; 1 where there are none."""
    harmful = len(bad) - bisect_right(bad, high)
    above = harmful + len(good) - bisect_right(good, high)
    return harmful / above if above else 1.0


def svg_of(found: Thresholds) -> str:
    """The curve as a picture of 640 by 320: recall, precision (dashed), and the two thresholds."""
    left, top, width, height = 48, 16, 568, 252

    def x(value: float) -> float:
        return left + value * width

    def y(value: float) -> float:
        return top + (1 - value) * height

    def path(values: Sequence[tuple[float, float | None]]) -> str:
        return " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in values if b is not None)

    grid = "".join(
        f'<line x1="{left}" x2="{left + width}" y1="{y(v):.1f}" y2="{y(v):.1f}" class="grid"/>'
        f'<text x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v:.0%}</text>'
        f'<text x="{x(v):.1f}" y="{top + height + 20}" text-anchor="middle">{v:g}</text>'
        for v in (0, 0.25, 0.5, 0.75, 1)
    )
    recall = path([(each.threshold, each.recall) for each in found.curve])
    precision = path([(each.threshold, each.precision) for each in found.curve])
    bands = f'<rect x="{x(found.low):.1f}" y="{top}" width="{x(found.high) - x(found.low):.1f}" height="{height}" class="held"/>'
    suggested = found.suggestion
    if suggested is not None:
        bands += "".join(
            f'<line x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{top}" y2="{top + height}" class="suggested"/>'
            for v in (suggested.low, suggested.high)
        )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 320" role="img">'
        "<title>Precision and recall by threshold</title>"
        f"<style>{_STYLE}</style>{bands}{grid}"
        f'<polyline points="{recall}" class="recall"/>'
        f'<polyline points="{precision}" class="precision"/>'
        '<text x="48" y="308">— recall</text><text x="128" y="308">- - precision</text>'
        '<text x="240" y="308">shaded: held by the settings</text>'
        '<text x="430" y="308">· · suggested</text></svg>'
    )


_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#64717c}.grid{stroke:#8895a1;stroke-opacity:.25}"
    "polyline{fill:none;stroke-width:2.5;stroke-linejoin:round}.recall{stroke:#0f766e}"
    ".precision{stroke:#b45309;stroke-dasharray:7 5}.held{fill:#8895a1;fill-opacity:.18}"
    ".suggested{stroke:#7c3aed;stroke-width:1.5;stroke-dasharray:2 4}"
)
