"""Answer selection: which candidates to show as the answer. Copies, never composes.

Each candidate is scored by its closeness in meaning, by the question's words in it, and by whether it
holds what the question asks for (a name, a time, a figure …). The best is shown, with others that are
nearly as good and say something else; nothing where even the best is weakly supported. The weights
were set on the cases of `ask_docs`, and measured on documents that played no part in setting them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stoa.core.language.candidates import Candidate
from stoa.core.language.cues import asked_for, cue_score

_SIMILARITY, _COVERAGE, _CUE, _RANK = 0.5, 0.4, 0.12, 0.05
_ENOUGH = 0.75
"""Least of similarity and half the coverage together. On the cases of `ask_docs` the right answers begin
at 0.78; of 13 questions without an answer one reaches 0.80, the others end at 0.75."""
_ENOUGH_WORDS = 0.6
_NEAR_BEST = {"way": 0.82, "meaning": 0.82, "reason": 0.82, "": 0.82}
_NEAR_BEST_FACT = 0.9
"""A question for a fact has one answer; others must be almost as good to be shown beside it."""
_FACTS = frozenset({"amount", "time", "person", "place"})
_REPEATS = 0.7


@dataclass(frozen=True)
class Choice:
    """A chosen candidate and its score, about 0..1."""

    candidate: Candidate
    score: float


def choose_answer(
    question: str, candidates: Sequence[Candidate], *, most: int = 4, passages: int = 10
) -> list[Choice]:
    """The best candidates, or none where none is well enough supported.

    For a fact the best comes first, and where it holds what was asked for (a figure, a time …), so must
    the others; anything else is put in reading order.

    Args:
        question: as asked.
        candidates: of `find_candidates`, with `similarity` set where there is an encoder.
        most: how many at most.
        passages: how many passages were searched, for the small bonus of the better ones.
    """
    kind = asked_for(question)
    scored = [
        Choice(each, _score(question, kind, each, passages))
        for each in candidates
        if is_supported(each)
    ]
    scored = _without_other_rows(scored)
    scored.sort(key=lambda choice: -choice.score)
    near = scored[0].score * _NEAR_BEST.get(kind, _NEAR_BEST_FACT) if scored else 0
    chosen: list[Choice] = []
    for choice in scored:
        if len(chosen) == most or choice.score < near:
            break
        if chosen and kind in _FACTS and _misses(question, choice, chosen[0]):
            continue
        if not _repeats(choice.candidate, chosen):
            chosen.append(choice)
    if kind in _FACTS:
        return chosen
    return sorted(chosen, key=lambda each: (each.candidate.passage, each.candidate.start))


def _misses(question: str, choice: Choice, best: Choice) -> bool:
    """Whether the best holds what was asked for and this one does not."""
    return cue_score(question, choice.candidate.text) < cue_score(question, best.candidate.text)


def is_supported(candidate: Candidate) -> bool:
    """Whether a candidate is close enough to the question to be shown as an answer to it."""
    if candidate.similarity is None:
        return candidate.coverage >= _ENOUGH_WORDS
    return candidate.similarity + 0.5 * candidate.coverage >= _ENOUGH


def _score(question: str, kind: str, candidate: Candidate, passages: int) -> float:
    similarity = candidate.coverage if candidate.similarity is None else candidate.similarity
    score = (
        _SIMILARITY * max(similarity, 0.0)
        + _COVERAGE * candidate.coverage
        + _CUE * cue_score(question, candidate.text)
        + _RANK * (1 - candidate.passage / max(passages, 1))
    )
    if candidate.kind == "list":
        score *= 1.05 if kind == "way" else 0.8  # for a fact, the item that holds it is enough
    return score


def _without_other_rows(choices: Sequence[Choice]) -> list[Choice]:
    """Of the rows of one table only those that hold most of the question's words: all rows share the
    words of the header, so only their own tell them apart."""
    most: dict[tuple[int, str], float] = {}
    for each in (choice.candidate for choice in choices):
        if each.kind == "row":
            table = (each.passage, each.lead)
            most[table] = max(most.get(table, 0.0), each.own_coverage)
    return [
        choice
        for choice in choices
        if choice.candidate.kind != "row"
        or choice.candidate.own_coverage >= most[choice.candidate.passage, choice.candidate.lead]
    ]


def _repeats(candidate: Candidate, chosen: Sequence[Choice]) -> bool:
    """Whether it overlaps with a chosen one, or most of its words stand in one."""
    words = set(re.findall(r"\w+", candidate.text.lower()))
    for choice in chosen:
        other = choice.candidate
        same = other.passage == candidate.passage
        if same and other.start < candidate.end and candidate.start < other.end:
            return True
        theirs = set(re.findall(r"\w+", other.text.lower()))
        if len(words & theirs) / max(min(len(words), len(theirs)), 1) > _REPEATS:
            return True
    return False
