"""Failures played through: goodput over the checkpoint interval, its best, and where time goes."""

from typing import Any

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.words import percent
from stoa.solutions.pretrain_llm.schema import Simulated
from stoa.ui.charts import stacked
from stoa.ui.curves import Mark, Series, curves
from stoa.ui.elements import button, dress, guarded, stack, tag, text
from stoa.ui.frame import card, figures

_OWN = "own"
_SCENARIOS = {
    "sixteen_thousand": "16,384 devices (Llama 3)",
    "by_hand": "128 nodes, watched by people",
    "automatic": "128 nodes, automatic recovery",
    "beyond": "128 nodes, beyond 99.5 %",
    _OWN: "Your own numbers",
}
_FIELDS = (
    ("mtbf_hours", "Hours between failures", 24.0),
    ("checkpoint_seconds", "Seconds a checkpoint stops training", 1.0),
    ("write_seconds", "Seconds it is written behind", 30.0),
    ("restart_seconds", "Seconds to start again", 300.0),
    ("detection_seconds", "Seconds to notice", 30.0),
    ("replacement_seconds", "Seconds to get a node", 1800.0),
    ("spares", "Spare nodes", 1.0),
)
_PARTS = {
    "productive": "Productive", "checkpoint": "Checkpoints", "lost": "Lost work",
    "detection": "Unnoticed", "waiting": "Waiting for a node", "restart": "Restarts",
}  # fmt: skip


async def show_simulation(context: PageContext) -> None:
    """The tab."""
    await SimulationTab(context).simulate()


class SimulationTab:
    """The form, and what it comes to."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        self._fields: dict[str, ui.number] = {}
        with card():
            self._scenario = ui.select(_SCENARIOS, value="sixteen_thousand").props("outlined dense")
            dress(self._scenario, aria_label="Circumstances", test="scenario")
            with tag("div", "", "plan-fields") as self._own:
                for name, label, value in _FIELDS:
                    field = ui.number(label, value=value, min=0).props("outlined dense")
                    self._fields[name] = dress(field, test=f"sim-{name}")
            with tag("div", "", "dialog-actions") as self._actions:
                button("Simulate", self.simulate, kind="primary", symbol="bolt", test="simulate")
        self._show_fields(False)
        self._place = stack(test="simulation")
        self._scenario.on_value_change(lambda: guarded(self._chosen))

    async def _chosen(self) -> None:
        own = self._scenario.value == _OWN
        self._show_fields(own)
        if not own:
            await self.simulate()

    def _show_fields(self, shown: bool) -> None:
        self._own.set_visibility(shown)
        self._actions.set_visibility(shown)

    async def simulate(self) -> None:
        """Ask, and draw."""
        request: dict[str, Any] = {"scenario": self._scenario.value, "runs": 20}
        if self._scenario.value == _OWN:
            request = {name: field.value or 0 for name, field in self._fields.items()} | {
                "runs": 20
            }
            request["spares"] = int(request["spares"])
        found: Simulated = await self._context.call("simulate", request)
        self._place.clear()
        with self._place:
            _content(found)


def _content(found: Simulated) -> None:
    with card():
        text(found.about, "soft")
        figures(
            [
                ("goodput", percent(found.goodput, 2)),
                ("95 % confidence, %", f"{100 * found.low:.2f} – {100 * found.high:.2f}"),
                ("a checkpoint every", f"{found.interval_minutes:.3g} min"),
                ("Daly's optimum", f"{found.daly_minutes:.3g} min"),
                ("by Daly's formula", percent(found.daly_goodput, 2)),
                ("failures in a run", f"{found.failures:,.{0 if found.failures >= 10 else 1}f}"),
            ]
        )
        parts = [
            (title, found.shares.get(name, 0.0), percent(found.shares.get(name, 0.0), 2))
            for name, title in _PARTS.items()
        ]
        stacked(parts, label="Where time goes", test="shares")
    with card(
        "Goodput over the checkpoint interval", "Too often costs checkpoints, too rarely lost work."
    ):
        curves(
            [
                Series(
                    "simulated",
                    [(each.interval_minutes, 100 * each.goodput) for each in found.curve],
                ),
                Series(
                    "Daly's formula",
                    [(each.interval_minutes, 100 * each.formula) for each in found.curve],
                ),
            ],
            label="Goodput in per cent over the interval between checkpoints",
            x_name="minutes between checkpoints",
            y_name="per cent",
            log_x=True,
            marks=[
                Mark(found.daly_minutes, None, f"Daly: {found.daly_minutes:.3g} min", "good"),
                Mark(found.interval_minutes, 100 * found.goodput, f"{percent(found.goodput, 2)}"),
            ],
            test="goodput-curves",
        )
