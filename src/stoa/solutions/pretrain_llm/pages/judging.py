"""Scores of a run's checkpoints: a table, and curves over the tokens they had seen."""

from stoa.contract import PageContext
from stoa.solutions.pretrain_llm.pages.words import large
from stoa.solutions.pretrain_llm.schema import Evaluation
from stoa.ui.curves import Series, curves
from stoa.ui.elements import button, stack, tag, text
from stoa.ui.feedback import working
from stoa.ui.tables import Column, table


async def show_scores(context: PageContext, job: str) -> None:
    """A button, and what it brings."""
    text("lm-evaluation-harness judges checkpoints on tasks that need no network.", "soft")
    place = stack()

    async def judge() -> None:
        place.clear()
        with place:
            working("Judging")
        run = await context.start("evaluate", {"job": job})

        async def told(message: str, done: int, total: int) -> None:
            place.clear()
            with place:
                text(message, "soft", role="status")
                working(message)

        try:
            found: Evaluation = await context.follow(run, told)
        finally:
            place.clear()
        with place:
            scores(found)

    button("Judge three checkpoints", judge, kind="primary", symbol="grading", test="judge")


def scores(found: Evaluation) -> None:
    """The table and the curves."""
    tasks = list(dict.fromkeys(score.task for each in found.checkpoints for score in each.scores))
    columns = [Column("step", number=True), Column("tokens")]
    columns += [Column(task, task.replace("_", " "), number=True, digits=4) for task in tasks]
    rows = [
        {"id": str(each.step), "step": each.step, "tokens": large(each.tokens)}
        | {score.task: score.value for score in each.scores}
        for each in found.checkpoints
    ]
    table(columns, rows, label="Scores of checkpoints", test="scores")
    lines = [
        Series(task.replace("_", " "), [
            (float(each.tokens), score.value)
            for each in found.checkpoints for score in each.scores if score.task == task
        ])
        for task in tasks
    ]  # fmt: skip
    curves(lines, label="Scores over tokens", x_name="tokens", test="score-curves")
    tag("p", f"Judged by {found.harness}.", "soft small")
