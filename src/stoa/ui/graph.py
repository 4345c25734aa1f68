"""A pipeline, or a lineage, drawn as a graph that lives: boxes with states, arrows between them.

Wide enough, it is a picture from left to right; on a phone it is a list in the same order, in which each
box says what it comes after. Every state is told by a symbol and a word besides its colour. `update`
changes what has changed, so that focus stays where it is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from stoa.core.pipelines.views import Edge, Graph, Node, StepState
from stoa.ui.elements import Tag, icon, on_click, tag
from stoa.ui.frame import count, took
from stoa.ui.layers import Layout, Place, lay_out

Choose = Callable[[str], Awaitable[None] | None]
_WIDTH, _HEIGHT = 196, 92
_ACROSS, _DOWN = 44, 20
_SYMBOLS = {
    StepState.PENDING: "schedule",
    StepState.RUNNING: "autorenew",
    StepState.WAITING: "front_hand",
    StepState.DONE: "check",
    StepState.SKIPPED: "redo",
    StepState.FAILED: "error_outline",
    StepState.CANCELLED: "block",
}


@dataclass(frozen=True)
class Look:
    """How a box that is no step looks."""

    symbol: str
    word: str = ""
    """Stands for the state; empty: there is none to tell."""
    to: str = ""
    """Where its link leads; empty: it is none."""


class PipelineGraph:
    """The graph of one run. `choose(name)` is called when a person presses a box.

    `looks` holds the boxes that are no steps, by name: such a box leads to a page, or nowhere.
    """

    def __init__(
        self,
        view: Graph,
        choose: Choose | None = None,
        *,
        looks: Mapping[str, Look] | None = None,
        label: str = "",
    ) -> None:
        self._choose = choose
        self._looks = looks or {}
        self._boxes: dict[str, _Box] = {}
        self._arrows: dict[tuple[str, str], Tag] = {}
        self._root = tag(
            "div",
            "",
            "graph",
            role="group",
            tabindex="0",
            aria_label=label or f"Steps of {view.title}",
            test="pipeline-graph",
        )
        self._draw(view)

    def update(self, view: Graph) -> None:
        """Show how it stands now."""
        if [node.name for node in view.nodes] != list(self._boxes):
            self._root.clear()
            self._draw(view)
            return
        for node in view.nodes:
            self._boxes[node.name].show(node)
        self._colour(view)

    def _draw(self, view: Graph) -> None:
        names = [node.name for node in view.nodes]
        edges = [each for each in view.edges if {each.source, each.target} <= set(names)]
        layout = lay_out(names, [(each.source, each.target) for each in edges])
        titles = {node.name: node.title for node in view.nodes}
        self._boxes, self._arrows = {}, {}
        width = layout.columns * (_WIDTH + _ACROSS) - _ACROSS
        height = layout.rows * (_HEIGHT + _DOWN) - _DOWN
        with self._root, tag("div", "", "graph-plane") as plane:
            plane.style(f"width: {width}px; height: {height}px")
            self._draw_arrows(edges, layout, width, height)
            with tag("ol", "", "graph-nodes"):
                for node in view.nodes:
                    before = [titles[each.source] for each in edges if each.target == node.name]
                    look = self._looks.get(node.name)
                    self._boxes[node.name] = _Box(
                        node, layout.places[node.name], before, look or self._choose
                    )
        self._colour(view)

    def _draw_arrows(self, edges: Sequence[Edge], layout: Layout, width: int, height: int) -> None:
        with tag(
            "svg",
            "",
            "graph-arrows",
            viewBox=f"0 0 {width} {height}",
            width=width,
            height=height,
            aria_hidden="true",
        ):
            for each in edges:
                arrow = (each.source, each.target)
                with tag("g") as group:
                    drawn = tag("path", "", d=_way(layout.ways[arrow]))
                    x, y = _entry(layout.places[each.target])
                    tag("path", "", "head", d=f"M{x - 7},{y - 4}L{x},{y}L{x - 7},{y + 4}")
                    if each.label:
                        with drawn:
                            tag("title", each.label)
                self._arrows[arrow] = group

    def _colour(self, view: Graph) -> None:
        """Arrows that something went along are strong; those of skipped steps are dashed."""
        states = {node.name: node.state for node in view.nodes}
        for (source, target), arrow in self._arrows.items():
            skipped = StepState.SKIPPED in (states[source], states[target])
            gone = states[source] is StepState.DONE and states[target] is not StepState.PENDING
            arrow.classes(replace="skipped" if skipped else "gone" if gone else "")


class _Box:
    """One step, or something that has a look of its own; a step is chosen by `does`."""

    def __init__(
        self, node: Node, place: Place, before: Sequence[str], does: Look | Choose | None
    ) -> None:
        left, top = _corner(place)
        self._look = does if isinstance(does, Look) else None
        with tag("li", "", "graph-node") as item:
            item.style(f"left: {left}px; top: {top}px")
            kind = "div" if does is None else "button"
            if self._look is not None:
                kind = "a" if self._look.to else "div"
            self._box = tag(kind, "", "", test=f"node-{node.name}")
            if self._look is not None and self._look.to:
                self._box.props["href"] = self._look.to
            elif does is not None and not isinstance(does, Look):
                self._box.props["type"] = "button"
                on_click(self._box, lambda: does(node.name))
            with self._box:
                with tag("span", "", "graph-head"):
                    self._symbol = tag("span")
                    tag("strong", node.title, "graph-title")
                self._state = tag("span", "", "graph-state")
                self._more = tag("span", "", "graph-more")
                if before:
                    tag("span", "after " + ", ".join(before), "graph-after")
                with tag("span", "", "graph-track", aria_hidden="true") as self._track:
                    self._bar = tag("i")
        self._shown = ""
        self.show(node)

    def show(self, node: Node) -> None:
        """How it stands now."""
        word = _word(node) if self._look is None else self._look.word
        more, share = _more(node), _share(node)
        told = f"{word}\n{more}\n{share}\n{node.cached}"
        if told == self._shown:
            return
        self._shown = told
        self._box.classes(replace=f"graph-box state-{node.state.value}")
        self._box.props["title"] = ". ".join(
            each for each in (f"{node.title}: {word}" if word else node.title, more) if each
        )
        self._symbol.clear()
        with self._symbol:
            if self._look is not None:
                icon(self._look.symbol)
            else:
                icon("content_copy" if node.cached else _SYMBOLS[node.state])
        self._state.set_text(word)
        self._more.set_text(more)
        self._track.set_visibility(share is not None)
        self._bar.style(f"width: {100 * (share or 0.0):.0f}%")


def _word(node: Node) -> str:
    """The state in words, with how long it took."""
    if node.cached:
        return "Taken over"
    word = {StepState.WAITING: "Waits for a person"}.get(node.state, node.state.value.capitalize())
    if node.seconds is not None and node.state is not StepState.SKIPPED:
        return f"{word} · {took(node.seconds)}"
    return word


def _more(node: Node) -> str:
    """What else there is to say in one line."""
    if node.error or node.reason:
        return node.error or node.reason
    if node.items:
        ended = [each for each in node.items if each.state.ended]
        failed = sum(each.state is StepState.FAILED for each in node.items)
        total = max(node.total, len(node.items))
        told = f"{len(ended)} of {count(total, 'part')}"
        return f"{told}, {failed} failed" if failed else told
    return node.message if node.state is StepState.RUNNING else ""


def _share(node: Node) -> float | None:
    """How far a step that works is, 0 to 1."""
    if node.state is not StepState.RUNNING:
        return None
    if node.items:
        total = max(node.total, len(node.items))
        return sum(each.state.ended for each in node.items) / total
    return min(1.0, node.done / node.total) if node.total > 0 else None


def _corner(place: Place) -> tuple[float, float]:
    return place.column * (_WIDTH + _ACROSS), place.row * (_HEIGHT + _DOWN)


def _entry(place: Place) -> tuple[float, float]:
    left, top = _corner(place)
    return left, top + _HEIGHT / 2


def _way(places: Sequence[Place]) -> str:
    """A smooth line from the right of the first box, through the columns between, to the last."""
    x, y = _entry(places[0])
    x += _WIDTH
    drawn = [f"M{x:.0f},{y:.0f}"]
    for place in places[1:]:
        left, middle = _entry(place)
        bend = (left - x) / 2
        drawn.append(
            f"C{x + bend:.0f},{y:.0f} {left - bend:.0f},{middle:.0f} {left:.0f},{middle:.0f}"
        )
        if place is not places[-1]:
            drawn.append(f"H{left + _WIDTH:.0f}")
        x, y = left + _WIDTH, middle
    return "".join(drawn)
