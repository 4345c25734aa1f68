"""Whether a trained model may serve: better than the champion by a margin, whole, sound, and not too narrow.

Plain functions over figures. Candidates are chosen by what was held out for validation; the one chosen is
compared with the champion on what was held out for the test, which nobody has chosen by.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from stoa.solutions.recommend_products.schema import Candidate, Check, Settings

NAMES: Final = {"ndcg": "NDCG@10", "hr": "HR@10"}
VALIDATION: Final = "validation_"
COVERAGE: Final = "coverage"
MEGABYTES: Final = "megabytes"
TIES: Final = "ties"
MOST_TIES: Final = 0.1
"""Share of judged lists that a model may leave without an order: equal scores count as hits."""
_FEWEST_JUDGED = 1


def problem_of(metrics: Mapping[str, Any]) -> str:
    """Which figures of a job are no finite numbers, in a sentence: a run folder keeps those as text."""
    wrong = sorted(name for name, value in metrics.items() if isinstance(value, str))
    return f"Not a finite number: {', '.join(wrong)}." if wrong else ""


def best_of(candidates: Sequence[Candidate], metric: str) -> Candidate | None:
    """The candidate with the best validation; of equal ones the earlier. None where there is none.

    One that is not sound only where none is, so that the checks say what is wrong with it.
    """
    judged = [each for each in candidates if _is_judged(each, metric)]
    sound = [each for each in judged if _can_order(each.metrics)]
    if not judged:
        return candidates[0] if candidates else None
    return max(sound or judged, key=lambda each: _validation(each, metric))


def checks_of(
    chosen: Candidate | None, champion: Mapping[str, float], settings: Settings
) -> list[Check]:
    """All checks of the model chosen, each with its reason. `champion` is empty where none serves."""
    if chosen is None:
        return [Check(name="trained", passed=False, why="No model could be trained and judged.")]
    metrics, sound = chosen.metrics, _sound(chosen, settings.metric)
    if not sound.passed:
        return [sound]
    return [
        sound,
        _ordered(metrics),
        _better(metrics, champion, settings),
        _wide(metrics, settings),
        _small(metrics, settings),
    ]


def reason_of(chosen: Candidate | None, checks: Sequence[Check]) -> str:
    """Why the model is kept out, in a sentence or two; empty where every check passed."""
    failed = [each.why for each in checks if not each.passed]
    named = "" if chosen is None else f"{chosen.model} is kept out: "
    return f"{named}{' '.join(failed)}"[:1000] if failed else ""


def _sound(chosen: Candidate, metric: str) -> Check:
    judged = chosen.metrics.get("judged", _FEWEST_JUDGED)
    if chosen.problem:
        why = chosen.problem
    elif metric not in chosen.metrics:
        why = f"It has no {NAMES[metric]}: nobody could be held out."
    elif judged < _FEWEST_JUDGED:
        why = "Nobody in the data has two interactions, so nothing could be held out to judge by."
    else:
        return Check(name="sound", passed=True, why="All figures and weights are finite numbers.")
    return Check(name="sound", passed=False, why=why)


def _ordered(metrics: Mapping[str, float]) -> Check:
    passed = _can_order(metrics)
    relation = "at most" if passed else "more than"
    why = (
        f"In {_ties(metrics):.1%} of the lists it scores most items as it scores the one held out,"
        f" {relation} {MOST_TIES:.0%}."
    )
    return Check(name="ordered", passed=passed, why=why)


def _better(
    metrics: Mapping[str, float], champion: Mapping[str, float], settings: Settings
) -> Check:
    name, metric = NAMES[settings.metric], settings.metric
    found = metrics.get(metric, 0.0)
    if metric not in champion:
        why = f"{name} {found:.4f}; nothing serves yet that it could be compared with."
        return Check(name="better", passed=metric in metrics, why=why)
    bar = champion[metric] + settings.margin
    passed = found > bar
    margin = f" plus the margin of {settings.margin:g}" if settings.margin else ""
    relation = "above" if passed else "not above"
    why = f"{name} {found:.4f} is {relation} the champion's {champion[metric]:.4f}{margin}."
    return Check(name="better", passed=passed, why=why)


def _wide(metrics: Mapping[str, float], settings: Settings) -> Check:
    found, least = metrics.get(COVERAGE), settings.least_coverage
    if found is None:
        return Check(name="coverage", passed=not least, why="Its coverage was not measured.")
    passed = found >= least
    relation = "at least" if passed else "less than"
    why = f"Its first tens show {found:.1%} of the catalogue, {relation} {least:.1%}."
    return Check(name="coverage", passed=passed, why=why)


def _small(metrics: Mapping[str, float], settings: Settings) -> Check:
    found, most = metrics.get(MEGABYTES, 0.0), settings.most_megabytes
    passed = found <= most
    relation = "at most" if passed else "more than"
    why = f"It takes {found:,.1f} MB, {relation} {most:,} MB."
    return Check(name="size", passed=passed, why=why)


def _can_order(metrics: Mapping[str, float]) -> bool:
    """Whether the figures of a model that was trained tell anything."""
    return _ties(metrics) <= MOST_TIES


def _ties(metrics: Mapping[str, float]) -> float:
    """Of both judgements the worse: one chose the model, the other compares it."""
    return max(metrics.get(TIES, 0.0), metrics.get(VALIDATION + TIES, 0.0))


def _is_judged(candidate: Candidate, metric: str) -> bool:
    return not candidate.problem and math.isfinite(_validation(candidate, metric))


def _validation(candidate: Candidate, metric: str) -> float:
    metrics = candidate.metrics
    return metrics.get(VALIDATION + metric, metrics.get(metric, math.nan))
