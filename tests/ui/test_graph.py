"""The graph of a pipeline: places that arrows run well between, boxes that say how things stand."""

import itertools
from datetime import UTC, datetime

from nicegui.client import Client

from stoa.core.pipelines.views import Edge, Node, PipelineView, StepItem, StepState
from stoa.ui.elements import Tag
from stoa.ui.graph import Look, PipelineGraph
from stoa.ui.layers import lay_out

EVIL = "<img src=x onerror=alert(1)>"


def test_columns_follow_what_nodes_need() -> None:
    layout = lay_out(
        ["a", "b", "c", "d", "e"], [("a", "b"), ("b", "c"), ("a", "c"), ("a", "d"), ("c", "e")]
    )
    assert {name: place.column for name, place in layout.places.items()} == {
        "a": 0, "b": 1, "c": 2, "d": 1, "e": 3,
    }  # fmt: skip
    taken = [(place.column, place.row) for place in layout.places.values()]
    assert len(set(taken)) == 5, "no two boxes in one place"
    assert [place.column for place in layout.ways["a", "c"]] == [0, 1, 2]
    passed = layout.ways["a", "c"][1]
    assert (passed.column, passed.row) not in taken, "a long arrow goes past boxes, not through"
    assert (layout.columns, layout.rows) == (4, 3)
    assert lay_out([], []).columns == 0


def test_neighbours_stay_near_each_other() -> None:
    """Two lines beside each other do not cross, whatever the order in which they are given."""
    layout = lay_out(["a", "b", "y", "x"], [("a", "x"), ("b", "y")])
    rows = {name: place.row for name, place in layout.places.items()}
    assert (rows["a"] < rows["b"]) == (rows["x"] < rows["y"])


def view(**states: StepState) -> PipelineView:
    """prepare → train → judge, with these states."""
    nodes = [
        Node(name=name, title=name.capitalize(), state=state, seconds=1.5)
        for name, state in states.items()
    ]
    edges = [
        Edge(source=one.name, target=two.name, label="data")
        for one, two in itertools.pairwise(nodes)
    ]
    return PipelineView(
        id="pipeline_1", run_id=None, pipeline="p", title="P", state=StepState.RUNNING, error="",
        trigger={}, inputs={}, started_by="user", created_at=datetime.now(UTC), ended_at=None,
        nodes=nodes, edges=edges,
    )  # fmt: skip


def texts(canvas: Client) -> list[str]:
    return [each.text for each in canvas.elements.values() if isinstance(each, Tag) and each.text]


def box(canvas: Client, name: str) -> Tag:
    found = [
        each
        for each in canvas.elements.values()
        if isinstance(each, Tag) and each.props.get("data-testid") == f"node-{name}"
    ]
    assert len(found) == 1
    return found[0]


def test_boxes_say_how_things_stand(canvas: Client) -> None:
    first = view(prepare=StepState.DONE, train=StepState.RUNNING, judge=StepState.PENDING)
    first.nodes[0].cached = True
    first.nodes[1].items = [
        StepItem(title="a", state=StepState.DONE),
        StepItem(title="b", state=StepState.RUNNING),
    ]
    graph = PipelineGraph(first, lambda name: None)
    said = texts(canvas)
    assert {"Taken over", "Running · 1.5 s", "1 of 2 parts", "Pending · 1.5 s"} <= set(said)
    assert "after Train" in said, "for those who see no arrows"
    before = box(canvas, "train")
    assert "state-running" in before.classes

    second = view(prepare=StepState.DONE, train=StepState.FAILED, judge=StepState.SKIPPED)
    second.nodes[1].error = EVIL
    second.nodes[2].reason = "'Train' failed."
    graph.update(second)
    assert box(canvas, "train") is before, "boxes stay, and the focus with them"
    assert "state-failed" in before.classes
    assert {EVIL, "Failed · 1.5 s", "Skipped", "'Train' failed."} <= set(texts(canvas))

    graph.update(view(other=StepState.DONE))
    assert box(canvas, "other")
    assert "Train" not in texts(canvas)


def test_boxes_that_are_no_steps_say_what_they_are_and_lead_to_it(canvas: Client) -> None:
    drawn = view(data=StepState.DONE, run=StepState.DONE, model=StepState.WAITING)
    looks = {
        "data": Look("table_rows"),
        "run": Look("account_tree", "Run · Done", "/runs/run_1"),
        "model": Look("model_training", "Waits for approval"),
    }
    PipelineGraph(drawn, looks=looks, label="Lineage")
    said = texts(canvas)
    assert {"Run · Done", "Waits for approval", "after Data", "after Run"} <= set(said)
    assert "Waits for a person · 1.5 s" not in said
    assert (box(canvas, "run").tag, box(canvas, "run").props["href"]) == ("a", "/runs/run_1")
    assert "state-waiting" in box(canvas, "model").classes
    assert [box(canvas, each).tag for each in ("data", "model")] == ["div", "div"]
    assert box(canvas, "data").props["title"] == "Data"
