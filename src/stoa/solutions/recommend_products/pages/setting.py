"""The settings of a shop in a dialog: what is trained, when it is good enough, who approves."""

from annotated_types import Ge, Le
from nicegui import ui

from stoa.base.errors import StoaError
from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.words import MODELS
from stoa.solutions.recommend_products.schema import Settings, SettingsView
from stoa.ui.elements import button, dress, say, tag
from stoa.ui.feedback import error_notice
from stoa.ui.forms import Shape


async def open_settings(context: PageContext, shop: str, dialog: ui.dialog) -> None:
    """Fill the dialog."""
    found: SettingsView = await context.call("settings", {"shop": shop})
    now = found.settings
    models = ui.select(
        {each.value: name for each, name in MODELS.items()},
        value=[each.value for each in now.models],
        multiple=True,
        label="Trained side by side",
    )
    dress(models.props("outlined use-chips"), test="set-models")
    with tag("div", "", "line"):
        metric = ui.select(
            {"ndcg": "NDCG@10", "hr": "HR@10"}, value=now.metric, label="What decides"
        )
        margin = ui.number("Better by", value=now.margin, min=-1, max=1, step=0.001)
        coverage = ui.number("Least coverage", value=now.least_coverage, min=0, max=1, step=0.01)
        share = ui.number(
            "Share of a challenger", value=now.challenger_share, min=0, max=0.5, step=0.05
        )
    with tag("div", "", "line"):
        least = _count("replicas", "Least processes", now.replicas)
        most = _count("most_replicas", "Most processes", now.most_replicas)
    tag("p", "More than the least come with load; as of the next deploy.", "soft small")
    for each, name in (
        (metric, "metric"),
        (margin, "margin"),
        (coverage, "coverage"),
        (share, "share"),
        (least, "replicas"),
        (most, "most-replicas"),
    ):
        dress(each.props("outlined dense").classes("narrow-field"), test=f"set-{name}")
    approval = dress(
        ui.checkbox("A person approves before it is deployed", value=now.approval),
        test="set-approval",
    )
    schedule = ui.input("Also by the clock (five cron fields, UTC)", value=now.schedule)
    dress(schedule.props("outlined dense maxlength=60"), test="set-schedule")
    trouble = tag("div")

    async def save() -> None:
        given = now.model_dump(mode="json") | {
            "models": list(models.value),
            "metric": metric.value,
            "margin": margin.value,
            "least_coverage": coverage.value,
            "challenger_share": share.value,
            "approval": bool(approval.value),
            "replicas": least.value,
            "most_replicas": most.value,
            "schedule": schedule.value or "",
        }
        trouble.clear()
        try:
            await context.call("settings_set", given)
        except StoaError as error:
            with trouble:
                error_notice(error)
            return
        dialog.close()
        say("The next run keeps to it.")

    with tag("div", "", "dialog-actions"):
        button("Save", save, kind="primary", test="save-settings")


def _count(field: str, label: str, value: int) -> ui.number:
    """A whole number of the settings. It says the bounds, and leaves it to the API to keep them."""
    info = Settings.model_fields[field]
    shape = Shape.of(info.annotation, info.metadata, info)
    bounds = f"{shape.limit(Ge, 'ge')} to {shape.limit(Le, 'le')}"
    return ui.number(f"{label}, {bounds}", value=value, step=1)
