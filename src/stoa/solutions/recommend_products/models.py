"""The models of a shop: what was registered, who approved it, what it came from, and which one serves.

`approve` and `reject` answer the question that a waiting run has put to people; where none waits, they
change the registry alone, and `deploy` brings an approved version to the endpoint.
"""

from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

from stoa.base.errors import Conflict, NotFound
from stoa.base.identity.caller import Caller
from stoa.contract import Call
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.questions import Sought
from stoa.core.registry.aliases import CHALLENGER, CHAMPION
from stoa.core.registry.lineage import LineageNode
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import ModelVersionView
from stoa.solutions.recommend_products.names import SOLUTION, models_of, shop_of
from stoa.solutions.recommend_products.schema import (
    Arrow,
    DecideModel,
    LineageView,
    ListModels,
    ModelRequest,
    ModelView,
    ModelViews,
    Node,
)

APPROVE = "approve"
REJECT = "reject"


async def models(call: Call, request: ListModels) -> ModelViews:
    """List the registered models of a shop, newest first."""
    found = await call.platform.registry.versions.list(
        call.caller, models_of(request.shop), limit=request.limit
    )
    return ModelViews(models=[view_of(each) for each in found])


async def lineage(call: Call, request: ModelRequest) -> LineageView:
    """Show what a model was made of, and what came of it: from the data to the endpoint."""
    row = await model_of(call, request.model)
    graph = await call.platform.registry.lineage.of(call.caller, request.model)
    makers = await _makers_of(call, row)
    nodes = [
        Node(
            id=each.id,
            kind=each.kind,
            name=each.name,
            state=row.status.value if each.id == row.id else await _state_of(call, each),
            run=each.run_id or "",
        )
        for each in graph.nodes
    ]
    arrows = [Arrow(source=each.source, target=each.target, role=each.role) for each in graph.edges]
    if makers:  # the registry knows what a model is made of; by whom, the model says
        arrows += [
            Arrow(source=each.id, target=makers[0].id, role="read")
            for each in nodes
            if each.kind == "dataset"
        ]
        made = [*(each.id for each in makers), row.id]
        arrows += [Arrow(source=one, target=two, role="made") for one, two in pairwise(made)]
    return LineageView(nodes=[*nodes, *makers], arrows=arrows)


async def approve(call: Call, request: DecideModel) -> ModelView:
    """Approve a registered model: a run that waits for it goes on and deploys it."""
    return await _decide(call, request, APPROVE)


async def reject(call: Call, request: DecideModel) -> ModelView:
    """Reject a registered model: a run that waits for it ends, and what serves goes on serving."""
    return await _decide(call, request, REJECT)


async def answer(call: Call, by: Caller, model: str, choice: str, reason: str) -> None:
    """Answer the question that a run has put about a version, where one waits."""
    approvals = call.platform.flows.approvals
    waiting = await approvals.list(by, Sought(solution=SOLUTION), limit=500)
    asked = next((each for each in waiting if each.context.get("model") == model), None)
    if asked is not None:
        await approvals.decide(by, asked.id, Ballot(choice=choice, reason=reason))


async def model_of(call: Call, model: str) -> ModelVersionView:
    """A version of one of this solution's models. Raises NotFound, also for those of others."""
    found = await call.platform.registry.versions.show(call.caller, model)
    if shop_of(found.group) is None:
        raise NotFound(f"There is no model version '{model}'.", hint="List the models.")
    return found


async def champion_of(call: Call, shop: str) -> ModelVersionView | None:
    """The version that serves a shop."""
    return await call.platform.registry.aliases.get(call.caller, models_of(shop), CHAMPION)


async def move(call: Call, shop: str, targets: Mapping[str, str | None], reason: str) -> None:
    """Say in the registry which versions serve, after the endpoint has changed."""
    known = call.platform.registry.aliases
    await known.move(call.caller, models_of(shop), targets, reason=reason)


def view_of(row: ModelVersionView) -> ModelView:
    """A version as people see it."""
    parameters: dict[str, Any] = dict(row.parameters)
    return ModelView(
        id=row.id,
        shop=shop_of(row.group) or "",
        version=row.version,
        model=row.kind,
        metrics=plain_metrics(row.metrics),
        dataset=str(parameters.pop("dataset", "")),
        parameters=parameters,
        approval=row.status.value,
        reason=row.reason,
        decided_by=row.decided_by_name,
        aliases=row.aliases,
        digest=row.digest,
        code_version=row.code_version,
        run=row.run_id or "",
        created_at=row.created_at,
    )


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those that are finite numbers: a run folder keeps what is none as text."""
    return {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}


async def _makers_of(call: Call, row: ModelVersionView) -> list[Node]:
    """The run that made a model, and in it the job that trained it; neither where it is not known."""
    run, found = row.run_id or "", []
    if run:
        with suppress(NotFound):  # of a run that was cleared away the model's other facts stay
            view = await call.platform.pipelines.of_run(call.caller, run)
            found.append(Node(id=run, kind="run", name=view.title, state=view.state.value, run=run))
    if row.job_id:
        with suppress(NotFound):
            job = await call.platform.jobs.show(call.caller, row.job_id)
            found.append(
                Node(id=job.id, kind="job", name=job.title, state=job.state.value, run=run)
            )
    return found


async def _state_of(call: Call, node: LineageNode) -> str:
    if node.kind != "endpoint":
        return ""
    try:
        view = await call.platform.inference.endpoint(call.caller, node.name)
    except NotFound:
        return "removed"
    return view.state.value


async def _decide(call: Call, request: DecideModel, choice: str) -> ModelView:
    row = await model_of(call, request.model)
    await answer(call, call.caller, row.id, choice, request.reason)
    if choice == REJECT and {CHAMPION, CHALLENGER} & {*row.aliases}:
        raise Conflict("This model serves.", hint="Roll back first.")
    status = Approval.APPROVED if choice == APPROVE else Approval.REJECTED
    decided = await call.platform.registry.versions.decide(
        call.caller, row.id, status, reason=request.reason
    )
    # Also a question that was put between the first look and this decision. A run that asks later sees
    # the decision itself: it looks again once its question stands.
    await answer(call, call.caller, row.id, choice, request.reason)
    return view_of(decided)
