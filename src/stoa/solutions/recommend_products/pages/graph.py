"""A run of the pipeline as the graph widget takes it."""

from stoa.core.pipelines.views import Edge, Node, PipelineView, StepItem, StepState
from stoa.solutions.recommend_products.names import SOLUTION
from stoa.solutions.recommend_products.schema import Outcome, PipelineRun, StepPart

_STATES = {
    Outcome.RUNNING: StepState.RUNNING,
    Outcome.WAITING: StepState.WAITING,
    Outcome.FAILED: StepState.FAILED,
    Outcome.ROLLED_BACK: StepState.FAILED,
    Outcome.CANCELLED: StepState.CANCELLED,
}


def graph_of(run: PipelineRun) -> PipelineView:
    """Its steps and arrows."""
    return PipelineView(
        id=run.id,
        run_id=run.run or None,
        pipeline=SOLUTION,
        title="Recommendations",
        state=_STATES.get(run.outcome, StepState.DONE),
        error="",
        trigger={},
        inputs={},
        started_by="",
        created_at=run.started_at,
        ended_at=None,
        nodes=[
            Node(name=step.name, items=[_item(part) for part in step.parts], **_fields(step))
            for step in run.steps
        ],
        edges=[
            Edge(source=source, target=step.name)
            for step in run.steps
            for source in _direct(run, step.name)
        ],
    )


def _direct(run: PipelineRun, name: str) -> list[str]:
    """The steps right before one: what comes before those is told by their own arrows."""
    after = {step.name: step.after for step in run.steps}
    before = set(after[name])
    further: set[str] = set()
    for each in before:
        further |= _all_before(after, each)
    return [each for each in after[name] if each not in further]


def _all_before(after: dict[str, list[str]], name: str) -> set[str]:
    found = set(after[name])
    for each in after[name]:
        found |= _all_before(after, each)
    return found


def _item(part: StepPart) -> StepItem:
    return StepItem(**_fields(part))


def _fields(part: StepPart) -> dict[str, object]:
    state = StepState(part.state)
    said = (
        "reason"
        if state is StepState.SKIPPED
        else "error"
        if state is StepState.FAILED
        else "message"
    )
    return {
        "title": part.title,
        "state": state,
        said: part.message,
        "done": part.done,
        "total": part.total,
        "seconds": part.seconds,
        "cached": part.cached,
    }
