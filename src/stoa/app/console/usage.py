"""What models were asked, used and cost, per prompt; and the budgets of the workspace. For owners."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from stoa.app.console.members import owners_only
from stoa.app.console.visit import Visit
from stoa.core.models.ledger import UsageLine
from stoa.core.models.limits import ModelLimits
from stoa.core.models.prompts import OFFLINE
from stoa.ui.charts import bars_over_time
from stoa.ui.elements import button, say, tag
from stoa.ui.feedback import empty_state
from stoa.ui.forms import Form
from stoa.ui.frame import card, figures, page_head, took
from stoa.ui.tables import Column, table

_DAYS = 30


async def show(visit: Visit) -> None:
    """`/settings/usage`"""
    owners_only(visit)
    page_head("Model usage", f"The last {_DAYS} days of this workspace.")
    lines = await visit.platform.models.usage(visit.caller, days=_DAYS)
    with card():
        figures(_totals(lines))
        if lines:
            bars_over_time(
                _per_day(lines),
                first="calls of models",
                second="by the offline twin",
                label="Calls per day",
            )
    with card("Per prompt"):
        if lines:
            table(_COLUMNS, _per_prompt(lines), label="Usage per prompt", test="usage")
        else:
            empty_state("No model was asked yet", symbol="query_stats")
    await _budgets(visit)


async def _budgets(visit: Visit) -> None:
    limits = await visit.platform.models.limits(visit.caller)
    with card("Budgets", "What is left empty is not limited. A call over a budget is refused."):
        form = Form(ModelLimits, start=limits)

        async def save() -> None:
            caller = await visit.check()
            wanted = ModelLimits.model_validate(form.values())
            await visit.platform.models.set_limits(caller, wanted)
            say("Saved.")

        with tag("div", "", "line"):
            button("Save budgets", save, kind="primary", test="save-budgets")


_COLUMNS = (
    Column("prompt", "Prompt"),
    Column("answered_by", "Answered by"),
    Column("calls", "Calls", number=True),
    Column("failed", "Failed", number=True),
    Column("input_tokens", "Tokens in", number=True),
    Column("output_tokens", "Tokens out", number=True),
    Column("cost", "Cost"),
    Column("seconds", "Mean time"),
)


def _totals(lines: list[UsageLine]) -> list[tuple[str, str]]:
    tokens = sum(each.input_tokens + each.output_tokens for each in lines)
    return [
        ("calls", f"{sum(each.calls for each in lines):,}"),
        ("failed", f"{sum(each.failed for each in lines):,}"),
        ("tokens", f"{tokens:,}"),
        ("cost", _cost(sum(each.cost_usd for each in lines), sum(each.unpriced for each in lines))),
    ]


def _per_day(lines: list[UsageLine]) -> list[tuple[str, int, int]]:
    by_model: dict[date, int] = defaultdict(int)
    offline: dict[date, int] = defaultdict(int)
    for each in lines:
        (offline if each.answered_by == OFFLINE else by_model)[each.day] += each.calls
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)]
    return [(f"{day:%-d %b}", by_model[day], offline[day]) for day in days]


def _per_prompt(lines: list[UsageLine]) -> list[dict[str, object]]:
    groups: dict[tuple[str, str], list[UsageLine]] = defaultdict(list)
    for each in lines:
        groups[each.prompt, each.answered_by].append(each)
    return [
        {
            "id": f"{prompt} {by}",
            "prompt": prompt,
            "answered_by": by,
            "calls": (calls := sum(each.calls for each in group)),
            "failed": sum(each.failed for each in group),
            "input_tokens": sum(each.input_tokens for each in group),
            "output_tokens": sum(each.output_tokens for each in group),
            "cost": _cost(
                sum(each.cost_usd for each in group), sum(each.unpriced for each in group)
            ),
            "seconds": took(sum(each.seconds * each.calls for each in group) / max(calls, 1)),
        }
        for (prompt, by), group in groups.items()
    ]


def _cost(usd: float, unpriced: int) -> str:
    return f"${usd:,.2f}" + (f" + {unpriced:,} unpriced" if unpriced else "")
