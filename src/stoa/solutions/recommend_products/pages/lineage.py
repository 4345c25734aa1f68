"""What a model came from, and what came of it, as the graph widget takes it."""

from urllib.parse import urlencode

from stoa.core.pipelines.views import Edge, Graph, StepState
from stoa.core.pipelines.views import Node as Box
from stoa.solutions.recommend_products.names import SOLUTION
from stoa.solutions.recommend_products.pages.graph import direct
from stoa.solutions.recommend_products.pages.words import ENDPOINT_STATES, model_name
from stoa.solutions.recommend_products.schema import LineageView, ModelView, Node
from stoa.ui.frame import count
from stoa.ui.graph import Look, PipelineGraph

_MOST_DATA = 4
_EARLIER = "earlier"
_SYMBOLS = {
    "dataset": "table_rows",
    "run": "account_tree",
    "job": "memory",
    "model": "model_training",
    "endpoint": "cloud_done",
}
"""In the order in which arrows go."""
_STATES = {
    "pending": StepState.WAITING,
    "queued": StepState.PENDING,
    "running": StepState.RUNNING,
    "starting": StepState.RUNNING,
    "waiting": StepState.WAITING,
    "degraded": StepState.WAITING,
    "failed": StepState.FAILED,
    "rejected": StepState.FAILED,
    "down": StepState.FAILED,
    "cancelled": StepState.CANCELLED,
    "removed": StepState.CANCELLED,
}
"""The colours of states that are not good."""


def draw_lineage(view: ModelView, found: LineageView) -> None:
    """Draw it, with links to what has a page."""
    graph, looks = graph_of_lineage(view, found)
    PipelineGraph(graph, looks=looks, label=f"Lineage of v{view.version}, from data to endpoint")


def graph_of_lineage(view: ModelView, found: LineageView) -> tuple[Graph, dict[str, Look]]:
    """From the data over the run and the job to the model and its endpoint.

    Files are left out: they are between what is drawn, and have no page. Of many versions of the data the
    newest are drawn, and one box for the others.
    """
    data = [each for each in found.nodes if each.kind == "dataset"]
    shown = sorted(data, key=lambda each: _number(each.name))[-_MOST_DATA:]
    rest = len(data) - len(shown)
    drawn = [
        *shown,
        *(each for kind in [*_SYMBOLS][1:] for each in found.nodes if each.kind == kind),
    ]
    before: dict[str, list[str]] = {each.id: [] for each in drawn}
    for arrow in found.arrows:
        if {arrow.source, arrow.target} <= before.keys():
            before[arrow.target].append(arrow.source)
    boxes = [_box(each, view) for each in drawn]
    looks = {each.id: _look(each, view) for each in drawn}
    edges = [Edge(source=source, target=each) for each in before for source in direct(before, each)]
    if rest:
        boxes.insert(0, Box(name=_EARLIER, title=f"{rest} earlier", state=StepState.DONE))
        looks[_EARLIER] = Look("more_horiz", count(rest, "data set"))
        edges += [
            Edge(source=_EARLIER, target=each.target)
            for each in edges
            if each.source == shown[0].id
        ]
    return Graph(title="", nodes=boxes, edges=edges), looks


def _number(name: str) -> int:
    """Of `interactions v12`, 12."""
    number = name.rpartition(" v")[2]
    return int(number) if number.isdigit() else 0


def _box(node: Node, view: ModelView) -> Box:
    title, more = node.name, ""
    if node.kind == "dataset":
        title, more = node.name.rpartition(".")[2].capitalize(), node.name
    elif node.id == view.id:
        title = f"v{view.version} · {model_name(view.model)}"
    return Box(
        name=node.id, title=title, reason=more, state=_STATES.get(node.state, StepState.DONE)
    )


def _look(node: Node, view: ModelView) -> Look:
    kind = {"dataset": "Data set", "run": "Run", "job": "Job"}.get(node.kind, "")
    state = node.state.capitalize()
    if node.id == view.id:
        state = {"Pending": "Waits for approval"}.get(state, state)
        kind = ", ".join(each.capitalize() for each in view.aliases)
    elif node.kind == "endpoint":
        state = ENDPOINT_STATES.get(node.state, (state, "", ""))[0]
        kind = "" if view.aliases else "Served by another now"
    return Look(
        _SYMBOLS[node.kind], " · ".join(each for each in (kind, state) if each), _to(node, view)
    )


def _to(node: Node, view: ModelView) -> str:
    if node.kind == "endpoint":
        return f"/solutions/{SOLUTION}?{urlencode({'shop': view.shop, 'tab': 'endpoint'})}"
    return f"/runs/{node.run}" if node.run and node.id != view.id else ""
