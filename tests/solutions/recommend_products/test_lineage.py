"""What a model came from, as it is drawn: short, in the order of things, with links to what has a page."""

from stoa.base.database import now
from stoa.solutions.recommend_products.pages.lineage import graph_of_lineage
from stoa.solutions.recommend_products.schema import Arrow, LineageView, ModelView, Node


def test_of_many_data_sets_the_newest_are_drawn_and_files_are_not() -> None:
    data = [
        Node(id=f"d{n}", kind="dataset", name=f"recommend.shop.interactions v{n}", run="run_0")
        for n in range(1, 13)
    ]
    model = Node(id="m", kind="model", name="recommend.shop v7", state="approved", run="run_1")
    others = [
        Node(id="e", kind="endpoint", name="recommend-shop", state="live"),
        Node(id="f", kind="artefact", name="files 0123"),
        Node(id="r", kind="run", name="Recommendations", state="done", run="run_1"),
    ]
    ways = [*((d.id, "f") for d in data), *((d.id, "m") for d in data), ("f", "m"), ("m", "e")]
    ways += [*((d.id, "r") for d in data), ("r", "m")]
    found = LineageView(
        nodes=[*reversed(data), model, *others],
        arrows=[Arrow(source=one, target=two, role="made of") for one, two in ways],
    )
    view = ModelView(
        id="m", shop="shop", version=7, model="ease", metrics={}, dataset="", parameters={},
        approval="approved", reason="", decided_by="", aliases=[], digest="", code_version="",
        run="run_1", created_at=now(),
    )  # fmt: skip
    graph, looks = graph_of_lineage(view, found)
    titles = ["8 earlier", *(f"Interactions v{n}" for n in (9, 10, 11, 12))]
    titles += ["Recommendations", "v7 · EASE", "recommend-shop"]
    assert [each.title for each in graph.nodes] == titles
    newest = {(name, "r") for name in ("earlier", "d9", "d10", "d11", "d12")}
    assert {(each.source, each.target) for each in graph.edges} == {
        *newest,
        ("r", "m"),
        ("m", "e"),
    }
    assert looks["d12"].to == "/runs/run_0"
    assert looks["r"].to == "/runs/run_1"
    assert looks["e"].to == "/solutions/recommend_products?shop=shop&tab=endpoint"
    assert (looks["e"].word, looks["m"].word) == ("Served by another now · Live", "Approved")
