"""Plans: a model and a cluster in, layouts out, with what a device holds and where a step's time goes."""

from typing import Any

from nicegui import ui

from stoa.contract import PageContext
from stoa.core.planning.shapes import SHAPES
from stoa.solutions.pretrain_llm.pages.words import duration, large, percent
from stoa.solutions.pretrain_llm.schema import LayoutView, Planned, RecipeList
from stoa.ui.charts import stacked
from stoa.ui.elements import button, dress, stack, tag, text
from stoa.ui.feedback import chip, notice
from stoa.ui.frame import card, figures
from stoa.ui.tables import Column, table

_CLUSTERS = {
    "a100": "A100 80 GB, 8 a node", "h100": "H100, 8 a node", "h200": "H200, 8 a node",
    "trainium1": "Trainium1, 32 cores a node", "laptop": "A laptop", "this_machine": "This machine",
}  # fmt: skip
_PRECISIONS = {"mixed": "BF16, FP32 master weights", "bfloat16": "BF16 only", "float32": "FP32"}


async def show_plan(context: PageContext) -> None:
    """The tab."""
    found: RecipeList = await context.call("recipes", {})
    await PlanTab(context, [each.name for each in found.recipes]).plan()


class PlanTab:
    """The form, and what it comes to."""

    def __init__(self, context: PageContext, recipes: list[str]) -> None:
        self._context = context
        with card():
            with tag("div", "", "plan-fields"):
                names = {each: each for each in [*SHAPES, *recipes]}
                self._model = _choice(names, "llama2-7b", "Model")
                self._cluster = _choice(_CLUSTERS, "trainium1", "Devices")
                self._nodes = _number("Nodes", 128)
                self._batch = _number("Sequences a step", 1024)
                self._precision = _choice(_PRECISIONS, "mixed", "Precision")
            with tag("div", "", "line-split"):
                self._pipelines = ui.checkbox("Pipeline stages too", value=True)
                button("Plan", self.plan, kind="primary", symbol="calculate", test="plan")
        self._place = stack(test="plan-result")

    async def plan(self) -> None:
        """Ask, and draw."""
        request: dict[str, Any] = {
            "model": self._model.value,
            "cluster": self._cluster.value,
            "nodes": int(self._nodes.value or 1),
            "batch": int(self._batch.value or 1),
            "precision": self._precision.value,
            "pipelines": bool(self._pipelines.value),
        }
        found: Planned = await self._context.call("plan", request)
        self._place.clear()
        with self._place:
            _content(found)


def _content(found: Planned) -> None:
    told = f"{large(found.parameters)} parameters on {found.cluster}"
    if not found.layouts:
        more = " ".join(found.problems or found.reasons)
        notice("Nothing fits", more, tone="warn", test="nothing-fits")
        return
    picture = stack()

    def show(layout: LayoutView) -> None:
        picture.clear()
        with picture:
            _picture(found, layout)

    show(found.layouts[0])
    left_out = f"{found.looked_at:,} looked at, {found.too_large:,} too large for a device"
    with card("Layouts", f"{told}; {left_out}.", flush=True):
        rows = [_row(place, each) for place, each in enumerate(found.layouts)]
        table(_COLUMNS, rows, label="Layouts, the fastest first", test="layouts",
              on_row=lambda place: show(found.layouts[int(place)]))  # fmt: skip
    with card("Why"):
        with tag("ul", "", "stack-tight", test="reasons"):
            for each in found.reasons:
                tag("li", each)
        for each in found.assumptions:
            text(each, "soft small")


_COLUMNS = [
    Column("layout"),
    Column("step", "Step, s", number=True, digits=3),
    Column("tokens", "Tokens/s", number=True, digits=0),
    Column("mfu", "MFU, %", number=True, digits=1),
    Column("memory", "Memory, GB", number=True, digits=2),
    Column("days", "Days a trillion tokens", number=True, digits=2),
    Column("here", "Our engine"),
]


def _row(place: int, layout: LayoutView) -> dict[str, Any]:
    return {
        "id": str(place),
        "layout": layout.layout,
        "step": layout.step_total_seconds,
        "tokens": float(f"{layout.tokens_per_second:.3g}"),
        "mfu": 100 * layout.mfu,
        "memory": layout.memory_total_gb,
        "days": layout.days_per_trillion_tokens,
        "here": "runs it" if layout.runs_here else "",
    }


def _picture(found: Planned, layout: LayoutView) -> None:
    with card(test="plan-picture"):
        with tag("div", "", "line"):
            tag("h2", layout.layout)
            if layout.runs_here:
                chip("Our engine runs it", "good", "check")
        figures(
            [
                ("a step", duration(layout.step_total_seconds)),
                ("tokens a second", large(layout.tokens_per_second)),
                ("MFU, 6N", percent(layout.mfu)),
                ("MFU with attention", percent(layout.mfu_attention)),
                (
                    f"of {found.usable_gb:.1f} GB of a device",
                    f"{layout.memory_total_gb:.1f} GB",
                ),
                ("devices", f"{found.devices:,}"),
            ]
        )
        tag("h3", "What a device holds")
        stacked(
            [
                (name.capitalize(), size, f"{size:.2f} GB")
                for name, size in layout.memory_gb.items()
            ],
            label=f"Memory of a device, {found.usable_gb:.1f} GB can be used",
            whole=max(found.usable_gb, layout.memory_total_gb),
            test="memory-bar",
        )
        tag("h3", "Where a step's time goes")
        stacked(
            [
                (name.capitalize(), each, duration(each))
                for name, each in layout.step_seconds.items()
            ],
            label="Time of a step",
            test="step-bar",
        )


def _choice(names: dict[str, str], value: str, label: str) -> ui.select:
    field = ui.select(names, value=value, label=label).props("outlined dense")
    return dress(field, aria_label=label, test=f"plan-{label.lower()}")


def _number(label: str, value: int) -> ui.number:
    field = ui.number(label, value=value, min=1, step=1).props("outlined dense")
    return dress(field, test=f"plan-{label.split()[0].lower()}")
