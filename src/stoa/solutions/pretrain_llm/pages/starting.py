"""The start of a run: a recipe, a few of its numbers, and the text to learn from."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.words import large
from stoa.solutions.pretrain_llm.schema import SHARDS, DatasetList, RecipeList, RecipeView
from stoa.ui.elements import button, dress, say, stack, tag, text
from stoa.ui.frame import card, count
from stoa.ui.upload_zone import Uploaded, UploadZone


class Starter:
    """A card that opens when somebody wants to train."""

    def __init__(self, context: PageContext, started: Callable[[], Awaitable[None]]) -> None:
        self._context = context
        self._started = started
        self._files: list[Uploaded] = []
        with tag("div", "", "line-split"):
            text("Loss, norms and throughput come in while a run is at work.", "soft")
            button("Train a model", self._open, kind="primary", symbol="play_arrow", test="new-run")
        with stack() as self._place:
            pass

    async def _open(self) -> None:
        found: RecipeList = await self._context.call("recipes", {})
        texts: DatasetList = await self._context.call("datasets", {})
        recipes = {each.name: each for each in found.recipes}
        self._place.clear()
        self._files = []
        with self._place, card("Train a model", test="starter"):
            with tag("div", "", "two-columns"):
                with stack():
                    recipe = self._recipe_field(recipes)
                    about = text("", "soft small", test="about-recipe")
                    steps = _number("Steps", "steps")
                    rate = _number("Learning rate", "rate")
                    title = ui.input("Title").props("outlined dense maxlength=120")
                    dress(title, test="run-title")
                with stack():
                    names = {"": "As the recipe says"} | {
                        each.name: each.name for each in texts.datasets
                    }
                    dataset = ui.select(names, value="", label="Text").props("outlined dense")
                    dress(dataset, aria_label="Text", test="dataset")
                    UploadZone(
                        self._files.append, accept=SHARDS, keep=True,
                        note="Or drop text, JSONL or Parquet here",
                    )  # fmt: skip

            def describe() -> None:
                chosen = recipes[str(recipe.value)]
                about.set_text(_about(chosen))
                steps.props["placeholder"] = str(chosen.steps)
                steps.update()

            recipe.on_value_change(describe)
            describe()

            async def start() -> None:
                changes = [
                    f"{name}={field.value}"
                    for name, field in (("schedule.steps", steps), ("optimiser.rate", rate))
                    if field.value is not None
                ]
                request = {
                    "recipe": recipe.value,
                    "change": [each.removesuffix(".0") for each in changes],
                    "title": title.value or "",
                    "dataset": dataset.value or "",
                    "data": [each.id for each in self._files],
                }
                await self._context.start("train", request)
                self._place.clear()
                say("Started. The first steps take a few seconds to come.")
                await self._started()

            with tag("div", "", "dialog-actions"):
                button("Cancel", self._close)
                button("Start", start, kind="primary", symbol="play_arrow", test="start-run")

    def _close(self) -> None:
        self._place.clear()

    def _recipe_field(self, recipes: dict[str, RecipeView]) -> ui.select:
        first = "sample" if "sample" in recipes else next(iter(recipes))
        field = ui.select(list(recipes), value=first, label="Recipe").props("outlined dense")
        return dress(field, aria_label="Recipe", test="recipe")


def _number(label: str, test: str) -> ui.number:
    field = ui.number(label, value=None, min=0).props("outlined dense clearable")
    return dress(field, test=test)


def _about(recipe: RecipeView) -> str:
    facts = f"{large(recipe.parameters)} parameters, {count(recipe.steps, 'step')}, "
    return f"{recipe.about} {facts}{large(recipe.tokens)} tokens."
