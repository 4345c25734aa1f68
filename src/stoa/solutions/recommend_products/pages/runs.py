"""Training runs side by side: their figures in a table, their curves in a picture."""

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.recommend_products.pages.words import metric, model_name, share
from stoa.solutions.recommend_products.schema import Comparison, Curve
from stoa.ui.curves import Series, curves
from stoa.ui.elements import dress, guarded, tag, text
from stoa.ui.feedback import empty_state
from stoa.ui.frame import card, took
from stoa.ui.tables import Column, table

_LOOK_EVERY = 4.0
_COLUMNS = (
    Column("model", "Model"),
    Column("data", "Data"),
    Column("ndcg", "NDCG@10"),
    Column("hr", "HR@10"),
    Column("coverage", "Coverage"),
    Column("megabytes", "MB"),
    Column("seconds", "Took"),
    Column("state", "State", chip=True),
)


async def show_runs(context: PageContext, shop: str) -> None:
    """The tab."""
    runs = _Runs(context, shop)
    await runs.draw()
    ui.timer(_LOOK_EVERY, runs.draw)


class _Runs:
    def __init__(self, context: PageContext, shop: str) -> None:
        self._context = context
        self._shop = shop
        self._shown: Comparison | None = None
        self._name = ""
        with tag("div", "", "line-split"):
            text(
                "Every model of the last runs, judged on the same held-out data as the others of its run.",
                "soft",
            )
            self._limit = ui.select({1: "Last run", 3: "Last 3 runs", 10: "Last 10 runs"}, value=3)
            dress(self._limit.props("outlined dense"), aria_label="How many runs", test="how-many")
        self._limit.on_value_change(lambda: guarded(self.draw))
        self._place = tag("div", "", "stack", test="runs")

    async def draw(self) -> None:
        """Show them as of now, where they have changed."""
        found: Comparison = await self._context.call(
            "compare", {"shop": self._shop, "limit": int(self._limit.value)}
        )
        if found == self._shown:
            return
        self._shown = found
        self._place.clear()
        with self._place:
            if not found.curves:
                empty_state("Nothing was trained yet", "Start the pipeline.", symbol="insights")
                return
            with card("Figures", flush=True):
                table(_COLUMNS, [_row(each) for each in found.curves], label="Training runs")
            self._curves(found)

    def _curves(self, found: Comparison) -> None:
        drawn = [each for each in found.curves if len(each.steps) > 1]
        names = sorted({name for each in drawn for name in each.values})
        if not names:
            return
        self._name = self._name if self._name in names else _first(names)
        with card("Curves"):
            chosen = ui.select(names, value=self._name).props("outlined dense")
            dress(chosen, aria_label="What was measured", test="curve-name")
            place = tag("div")

            def picture() -> None:
                self._name = str(chosen.value)
                place.clear()
                with place:
                    shown = [
                        _series(each, self._name) for each in drawn if self._name in each.values
                    ]
                    curves(
                        shown,
                        label=f"{self._name} over the epochs",
                        x_name="epoch",
                        y_name=self._name,
                    )

            chosen.on_value_change(picture)
            picture()


def _series(each: Curve, name: str) -> Series:
    points = [
        (float(step), value)
        for step, value in zip(each.steps, each.values[name], strict=True)
        if value is not None
    ]
    return Series(f"{model_name(each.model)}, data v{each.version}", points)


def _row(each: Curve) -> dict[str, object]:
    return {
        "id": each.job,
        "model": model_name(each.model) + (" ★" if each.chosen else ""),
        "data": f"v{each.version}",
        "ndcg": metric(each.metrics, "ndcg"),
        "hr": metric(each.metrics, "hr"),
        "coverage": share(each.metrics.get("coverage"), 0),
        "megabytes": f"{each.metrics.get('megabytes', 0.0):,.1f}",
        "seconds": took(each.seconds),
        "state": each.state,
    }


def _first(names: list[str]) -> str:
    wanted = [name for name in names if "ndcg" in name] or names
    return wanted[0]
