"""A graded evaluation: figures by who answered, the bar, and every case; as JSON or Markdown."""

from collections.abc import Sequence
from statistics import median

from pydantic import BaseModel

from stoa.core.evaluation.graders import Grade

RETRIEVAL_DEPTHS = (1, 5, 10)
_NAMES = {
    "retrieval_at_1": "right page retrieved first",
    "retrieval_at_5": "right page among the first 5",
    "retrieval_at_10": "right page among the first 10",
    "correct": "answers correct",
    "exact": "results exactly as the gold one's",
    "right_when_answered": "correct among those answered",
    "citations": "citations on the right page",
    "refusals": "unanswerable questions refused",
    "answered": "answerable questions answered",
}


class Graded(BaseModel):
    """All cases as one answerer did them."""

    answerer: str
    """`offline`, or what was configured."""
    grades: list[Grade]
    figures: dict[str, float]
    """Shares, 0..1, by name; only those that some case applies to."""
    seconds_p50: float
    tokens: int


class Report(BaseModel):
    """An evaluation. It passes when every answerer's figures reach the bar."""

    solution: str
    bar: dict[str, float]
    graded: list[Graded]

    @property
    def passed(self) -> bool:
        """Whether every figure in the bar is reached by every answerer."""
        return not self.misses

    @property
    def misses(self) -> list[str]:
        """Which figure of which answerer stays under the bar. A figure nobody measured is a miss."""
        return [
            f"{each.answerer}: {name} is {each.figures.get(name, 0):.2f}, the bar is {least:.2f}"
            for each in self.graded
            for name, least in self.bar.items()
            if each.figures.get(name, 0) < least
        ]

    def markdown(self) -> str:
        """The report for people: one column an answerer, then every case that went wrong."""
        names = [each.answerer for each in self.graded]
        lines = [
            f"# Evaluation of {self.solution}",
            "",
            "**Passed.**" if self.passed else "**Failed.**",
        ]
        lines += [f"- {miss}" for miss in self.misses]
        lines += ["", f"| | {' | '.join(names)} | bar |", "|---" * (len(names) + 2) + "|"]
        for figure, title in _NAMES.items():
            if any(figure in each.figures for each in self.graded):
                values = [_share(each.figures.get(figure)) for each in self.graded]
                lines.append(f"| {title} | {' | '.join(values)} | {_share(self.bar.get(figure))} |")
        seconds = " | ".join(f"{each.seconds_p50:.2f} s" for each in self.graded)
        tokens = " | ".join(f"{each.tokens:,}" for each in self.graded)
        lines += [f"| median time | {seconds} | |", f"| tokens | {tokens} | |", ""]
        for each in self.graded:
            lines += _table(each)
        return "\n".join(lines)


def summarise(answerer: str, grades: Sequence[Grade]) -> Graded:
    """The figures of one answerer."""
    shares: dict[str, list[float]] = {name: [] for name in _NAMES}
    for one in grades:
        if one.rank is not None:
            for depth in RETRIEVAL_DEPTHS:
                shares[f"retrieval_at_{depth}"].append(1 <= one.rank <= depth)
        if one.correct is not None:
            shares["correct"].append(one.correct)
        if one.exact is not None:
            shares["exact"].append(one.exact)
        if one.right_when_answered is not None:
            shares["right_when_answered"].append(one.right_when_answered)
        if one.citations is not None:
            shares["citations"].append(one.citations)
        if one.refused is not None:
            shares["refusals"].append(one.refused)
        if one.refused_wrongly is not None:
            shares["answered"].append(not one.refused_wrongly)
    return Graded(
        answerer=answerer,
        grades=list(grades),
        figures={name: round(sum(each) / len(each), 4) for name, each in shares.items() if each},
        seconds_p50=round(median(one.seconds for one in grades), 4),
        tokens=sum(one.tokens for one in grades),
    )


def _table(graded: Graded) -> list[str]:
    wrong = [one for one in graded.grades if not one.passed]
    lines = [
        f"## {graded.answerer}: {len(graded.grades) - len(wrong)} of {len(graded.grades)} passed",
        "",
    ]
    if wrong:
        lines += ["| case | page found at | answer |", "|---|---|---|"]
        lines += [
            f"| {_cell(one.case)} | {'—' if one.rank is None else one.rank or 'not found'} "
            f"| {_cell(one.error or one.answer)[:200]} |"
            for one in wrong
        ]
    return [*lines, ""]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
