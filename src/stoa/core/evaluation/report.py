"""A graded evaluation: figures by who answered, how sure they are, the bar, every case; as JSON or Markdown.

`page.py` makes a page of it.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

from pydantic import BaseModel, Field

from stoa.core.evaluation.graders import Grade
from stoa.core.evaluation.judging import JudgeCheck
from stoa.core.evaluation.statistics import bootstrap_difference, mcnemar, wilson

RETRIEVAL_DEPTHS = (1, 5, 10)
_NAMES = {
    "passed": "cases passed",
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
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """The 95 % interval of each share (Wilson)."""
    seconds_p50: float
    seconds_p95: float = 0.0
    tokens: int
    cost_usd: float = 0.0
    """Sum over cases whose price is known."""
    unpriced: int = 0
    """Cases whose price is not known."""
    kept: int = 0
    """Cases whose answer was kept from an earlier run."""


class Comparison(BaseModel):
    """Two answerers over the same cases: is one better, or is it luck?"""

    first: str
    second: str
    only_first: int
    """Cases that the first passed and the second did not."""
    only_second: int
    difference: float
    """Share passed of the first less that of the second."""
    low: float
    """95 % interval of the difference (bootstrap over cases)."""
    high: float
    p: float
    """Exact McNemar: the chance of so uneven a split between equals."""

    @property
    def chance(self) -> str:
        """`p` as people write it."""
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"

    @property
    def words(self) -> str:
        """What it comes to."""
        if self.p >= 0.05:
            return f"No clear difference between {self.first} and {self.second}."
        better, worse = (
            (self.first, self.second) if self.difference > 0 else (self.second, self.first)
        )
        return f"{better} is better than {worse}."


class Report(BaseModel):
    """An evaluation. It passes when every answerer's figures reach the bar."""

    solution: str
    bar: dict[str, float]
    graded: list[Graded]
    comparisons: list[Comparison] = Field(default_factory=list)
    judge: JudgeCheck | None = None
    """How the judge of the answers did on labelled ones; None where none was asked."""

    @classmethod
    def joined(cls, reports: Sequence["Report"], *, judge: JudgeCheck | None = None) -> "Report":
        """One report of several over the same cases, each by other answerers."""
        graded = [each for report in reports for each in report.graded]
        return reports[0].model_copy(
            update={"graded": graded, "comparisons": compare(graded), "judge": judge}
        )

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

    def outcome(self, graded: Graded) -> str:
        """`passed` where that answerer reaches the whole bar, else `failed`."""
        reached = all(graded.figures.get(name, 0) >= least for name, least in self.bar.items())
        return "passed" if reached else "failed"

    @property
    def figure_names(self) -> list[str]:
        """The figures that some answerer has, in a fixed order: the house's own, then rules."""
        found = dict.fromkeys(name for each in self.graded for name in each.figures)
        return [*(name for name in _NAMES if name in found), *(n for n in found if n not in _NAMES)]

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
        lines.append(f"| outcome | {' | '.join(map(self.outcome, self.graded))} | |")
        for figure in self.figure_names:
            values = [_share(each.figures.get(figure)) for each in self.graded]
            title = figure_title(figure)
            lines.append(f"| {title} | {' | '.join(values)} | {_share(self.bar.get(figure))} |")
        seconds = " | ".join(f"{each.seconds_p50:.2f} s" for each in self.graded)
        tokens = " | ".join(f"{each.tokens:,}" for each in self.graded)
        lines += [f"| median time | {seconds} | |", f"| tokens | {tokens} | |"]
        if any(each.cost_usd for each in self.graded):
            lines.append(f"| cost | {' | '.join(f'${e.cost_usd:.4f}' for e in self.graded)} | |")
        lines += ["", *_doubts(self)]
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
        if one.verdicts:
            shares["passed"].append(one.passed)
        for verdict in one.verdicts:
            shares.setdefault(verdict.rule, []).append(verdict.passed)
    seconds = sorted(one.seconds for one in grades)
    return Graded(
        answerer=answerer,
        grades=list(grades),
        figures={name: round(sum(each) / len(each), 4) for name, each in shares.items() if each},
        intervals={name: _interval(each) for name, each in shares.items() if each},
        seconds_p50=round(median(seconds), 4),
        seconds_p95=seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
        tokens=sum(one.tokens for one in grades),
        cost_usd=sum(one.cost_usd or 0.0 for one in grades),
        unpriced=sum(one.cost_usd is None for one in grades),
        kept=sum(one.kept for one in grades),
    )


def compare(graded: Sequence[Graded]) -> list[Comparison]:
    """Every two answerers over their cases, which are the same and in the same order."""
    found = []
    for first, second in combinations(graded, 2):
        mine = [one.passed for one in first.grades]
        theirs = [one.passed for one in second.grades]
        pairs = list(zip(mine, theirs, strict=True))
        only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
        low, high = bootstrap_difference(mine, theirs)
        found.append(
            Comparison(
                first=first.answerer,
                second=second.answerer,
                only_first=only_first,
                only_second=only_second,
                difference=round((only_first - only_second) / len(pairs), 4),
                low=round(low, 4),
                high=round(high, 4),
                p=round(mcnemar(only_first, only_second), 6),
            )
        )
    return found


def figure_title(name: str) -> str:
    """How a figure is called for people: a rule by its name."""
    return _NAMES.get(name, name)


def _interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = wilson(round(sum(values)), len(values))
    return round(low, 4), round(high, 4)


def _doubts(report: Report) -> list[str]:
    """How far the figures can be trusted, in sentences."""
    lines = [
        f"- {each.answerer}: {each.figures['passed']:.0%} passed "
        f"(95 % between {each.intervals['passed'][0]:.0%} and {each.intervals['passed'][1]:.0%})"
        for each in report.graded
        if "passed" in each.figures
    ]
    lines += [
        f"- {each.words} Difference {each.difference:+.1%} ({each.low:+.1%} to {each.high:+.1%}), "
        f"{each.only_first} against {each.only_second} cases, {each.chance}"
        for each in report.comparisons
    ]
    if report.judge is not None:
        judge = report.judge
        lines.append(
            f"- The judge ({judge.judge}) agrees with people on {judge.agreement:.0%} of {judge.cases} labelled "
            f"answers ({judge.low:.0%} to {judge.high:.0%}), kappa {judge.kappa:.2f}: "
            f"too lenient {judge.lenient} times, too strict {judge.strict} times"
        )
    return [*lines, ""] if lines else []


def _table(graded: Graded) -> list[str]:
    wrong = [one for one in graded.grades if not one.passed]
    lines = [
        f"## {graded.answerer}: {len(graded.grades) - len(wrong)} of {len(graded.grades)} passed",
        "",
    ]
    if any(one.verdicts for one in wrong):
        lines += ["| case | what is wrong | answer |", "|---|---|---|"]
        lines += [
            f"| {_cell(one.case)} | {_cell(one.error or _faults(one))[:200]} | {_cell(one.answer)[:200]} |"
            for one in wrong
        ]
    elif wrong:
        lines += ["| case | page found at | answer |", "|---|---|---|"]
        lines += [
            f"| {_cell(one.case)} | {'—' if one.rank is None else one.rank or 'not found'} "
            f"| {_cell(one.error or one.answer)[:200]} |"
            for one in wrong
        ]
    return [*lines, ""]


def _faults(grade: Grade) -> str:
    return "; ".join(f"{each.rule}: {each.reason}" for each in grade.verdicts if not each.passed)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
