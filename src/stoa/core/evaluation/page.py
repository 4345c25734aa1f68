"""The report as one HTML file that needs nothing beside it: no network, no script but a filter of a few lines.

Everything that came from a model or a suite is escaped by the template (`page.html`).
"""

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from stoa.core.evaluation.report import Graded, Report, figure_title

_FOLDER = Path(__file__).parent


def page(report: Report, *, at: datetime | None = None) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=select_autoescape(["html"]), trim_blocks=True
    )
    return environment.get_template("page.html").render(
        report=report,
        at=(at or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        title=figure_title,
        main=_main_figure(report),
        rows=_rows(report),
        seconds=_seconds,
        cost=_cost,
    )


def _main_figure(report: Report) -> str:
    """The figure that the chart shows: cases passed, else the first there is."""
    return next(iter(report.figure_names), "")


def _rows(report: Report) -> list[dict[str, object]]:
    """Cases across answerers: the same case side by side."""
    rows = []
    for grades in zip(*(each.grades for each in report.graded), strict=True):
        passed = [grade.passed for grade in grades]
        kind = "passed" if all(passed) else "failed" if not any(passed) else "split"
        rows.append({"grades": grades, "kind": kind, "first": grades[0]})
    return rows


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _cost(graded: Graded) -> str:
    if graded.unpriced == len(graded.grades):
        return "not known"
    known = f"${graded.cost_usd:.4f}" if graded.cost_usd else "nothing"
    return f"{known} (+ {graded.unpriced} unpriced)" if graded.unpriced else known
