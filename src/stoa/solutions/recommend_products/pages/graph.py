"""A run of the pipeline as the graph widget takes it."""

from collections.abc import Mapping, Sequence

from stoa.core.pipelines.views import Edge, Graph, Node, StepItem, StepState
from stoa.solutions.recommend_products.schema import PipelineRun, StepPart


def graph_of(run: PipelineRun) -> Graph:
    """Its steps and arrows."""
    after = {step.name: step.after for step in run.steps}
    return Graph(
        title="Recommendations",
        nodes=[
            Node(name=step.name, items=[_item(part) for part in step.parts], **_fields(step))
            for step in run.steps
        ],
        edges=[
            Edge(source=source, target=step.name)
            for step in run.steps
            for source in direct(after, step.name)
        ],
    )


def direct(after: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """What is right before a node: what comes before that is told by its own arrows."""
    further: set[str] = set()
    for each in set(after[name]):
        further |= _all_before(after, each)
    return [each for each in after[name] if each not in further]


def _all_before(after: Mapping[str, Sequence[str]], name: str) -> set[str]:
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
