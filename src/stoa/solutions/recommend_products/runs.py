"""The history of the pipeline: runs with their graphs, how they ended and why, and their training curves."""

from typing import Any

from stoa.base.errors import Conflict, NotFound
from stoa.contract import Call
from stoa.core.flows.questions import Sought
from stoa.core.pipelines import views
from stoa.core.pipelines.views import Node, StepItem, StepState
from stoa.solutions.recommend_products.judging import MEGABYTES
from stoa.solutions.recommend_products.names import FIRST_SHOP, SOLUTION
from stoa.solutions.recommend_products.schema import (
    Candidate,
    Check,
    Compare,
    Comparison,
    Curve,
    ListRuns,
    Model,
    Outcome,
    PipelineRequest,
    PipelineRun,
    PipelineRuns,
    StepPart,
    StepView,
)

_MOST_POINTS = 200
_MOST_LISTED = 200


async def pipelines(call: Call, request: ListRuns) -> PipelineRuns:
    """List the runs of a shop's pipeline, newest first, with how each ended and why."""
    found = await call.platform.pipelines.list(call.caller, SOLUTION, limit=_MOST_LISTED)
    mine = [each for each in found if each.inputs.get("shop", FIRST_SHOP) == request.shop]
    rows = [
        await call.platform.pipelines.show(call.caller, each.id) for each in mine[: request.limit]
    ]
    return PipelineRuns(runs=[view_of(each) for each in rows])


async def show_pipeline(call: Call, request: PipelineRequest) -> PipelineRun:
    """Show one run of the pipeline: its steps and their states, models and checks, and how it ended."""
    row = await row_of(call, request.run)
    view = view_of(row)
    if view.outcome is Outcome.WAITING and row.run_id is not None:
        waiting = await call.platform.flows.approvals.list(
            call.caller, Sought(solution=SOLUTION), limit=500
        )
        asked = next((each.id for each in waiting if each.run_id == row.run_id), "")
        view = view.model_copy(update={"approval": asked})
    return view


async def compare(call: Call, request: Compare) -> Comparison:
    """Lay the training runs of some runs of the pipeline side by side, with figures and curves."""
    ids = request.runs
    if not ids:
        newest = await pipelines(call, ListRuns(shop=request.shop, limit=request.limit))
        ids = [each.id for each in newest.runs]
    curves: list[Curve] = []
    for id_ in ids:
        view = view_of(await row_of(call, id_))
        curves += [await _curve(call, view, each) for each in view.candidates if each.job]
    return Comparison(curves=curves)


async def row_of(call: Call, id_: str) -> views.PipelineView:
    """A run of this solution's pipeline. Raises NotFound, also for those of others."""
    row = await call.platform.pipelines.show(call.caller, id_)
    if row.pipeline != SOLUTION:
        raise NotFound(f"There is no pipeline run '{id_}'.", hint="List the runs there are.")
    return row


def failed_step(row: views.PipelineView) -> str:
    """The step to be done again. Raises Conflict where none has failed."""
    failed = [
        node.name for node in row.nodes if node.state in (StepState.FAILED, StepState.CANCELLED)
    ]
    if not failed:
        raise Conflict("No step of this run has failed.", hint="Start the pipeline anew.")
    return failed[0]


def view_of(row: views.PipelineView) -> PipelineRun:
    """A run as people see it."""
    nodes = {node.name: node for node in row.nodes}
    plan, verdict = _outputs(nodes, "plan"), _outputs(nodes, "judge")
    outcome = _outcome(row, nodes)
    after = {
        node.name: [e.source for e in row.edges if e.target == node.name] for node in row.nodes
    }
    seconds = ((row.ended_at or _last(row)) - row.created_at).total_seconds()
    return PipelineRun(
        id=row.id,
        run=row.run_id or "",
        shop=str(row.inputs.get("shop", FIRST_SHOP)),
        outcome=outcome,
        reason=_reason(outcome, row, nodes),
        trigger=_trigger(row),
        dataset=str(plan.get("dataset", "")),
        version=int(plan.get("version") or 0),
        partition=str(plan.get("partition", "")),
        code_version=str(plan.get("code_version", "")),
        steps=[_step(node, after[node.name]) for node in row.nodes],
        candidates=_candidates(nodes, verdict),
        champion=verdict.get("champion") or {},
        checks=[Check.model_validate(each) for each in verdict.get("checks", [])],
        model=str(_outputs(nodes, "register").get("model", "")),
        approval="",
        started_at=row.created_at,
        seconds=round(max(0.0, seconds), 1),
    )


def _outcome(row: views.PipelineView, nodes: dict[str, Node]) -> Outcome:
    def done(name: str) -> bool:
        return name in nodes and nodes[name].state is StepState.DONE

    match row.state:
        case StepState.WAITING:
            return Outcome.WAITING
        case StepState.CANCELLED:
            return Outcome.CANCELLED
        case StepState.FAILED:
            return Outcome.ROLLED_BACK if done("take_back") else Outcome.FAILED
        case StepState.DONE if done("smoke_test"):
            return Outcome.DEPLOYED
        case StepState.DONE:
            return Outcome.REJECTED if done("register") else Outcome.KEPT_OUT
    waiting = any(node.state is StepState.WAITING for node in row.nodes)
    return Outcome.WAITING if waiting else Outcome.RUNNING


def _reason(outcome: Outcome, row: views.PipelineView, nodes: dict[str, Node]) -> str:
    match outcome:
        case Outcome.KEPT_OUT:
            return str(_outputs(nodes, "judge").get("reason", ""))
        case Outcome.REJECTED:
            return str(_outputs(nodes, "approve").get("reason", ""))
        case Outcome.DEPLOYED:
            checks = _outputs(nodes, "judge").get("checks", [])
            return next((str(e["why"]) for e in checks if e["name"] == "better"), "")
        case Outcome.FAILED | Outcome.ROLLED_BACK:
            return row.error
    return ""


def _candidates(nodes: dict[str, Node], verdict: dict[str, Any]) -> list[Candidate]:
    """Every model that was ordered, in its order, also those that failed or are still at it."""
    chosen = (verdict.get("chosen") or {}).get("job", "")
    train = nodes.get("train")
    found = []
    for item in train.items if train is not None else []:
        order = item.inputs.get("order") or {}
        done = item.outputs if isinstance(item.outputs, dict) else {}
        job = done.get("job") or (item.job_ids[-1] if item.job_ids else "")
        found.append(
            Candidate(
                model=Model(order.get("kind", Model.POPULARITY)),
                job=job,
                state="cached" if item.cached else item.state.value,
                metrics=done.get("metrics", {}),
                seconds=done.get("seconds", item.seconds or 0.0),
                chosen=bool(job) and job == chosen,
                problem=item.error or done.get("problem", ""),
            )
        )
    return found


def _step(node: Node, after: list[str]) -> StepView:
    parts = [StepPart(**_part(item)) for item in node.items]
    return StepView(**_part(node), name=node.name, after=after, parts=parts)


def _part(item: StepItem) -> dict[str, Any]:
    return {
        "title": item.title,
        "state": item.state.value,
        "message": item.error or item.reason or item.message,
        "done": item.done,
        "total": item.total,
        "seconds": item.seconds,
        "cached": item.cached,
        "job": item.job_ids[-1] if item.job_ids else "",
    }


async def _curve(call: Call, view: PipelineRun, candidate: Candidate) -> Curve:
    job = await call.platform.jobs.show(call.caller, candidate.job)
    measured = await call.platform.jobs.curves(call.caller, candidate.job, most=_MOST_POINTS)
    steps = sorted({point.step for each in measured for point in each.points})
    values = {each.name: {point.step: point.value for point in each.points} for each in measured}
    return Curve(
        run=view.id,
        model=candidate.model,
        job=candidate.job,
        version=view.version,
        state=candidate.state,
        chosen=candidate.chosen,
        metrics={MEGABYTES: 0.0, **candidate.metrics},
        parameters=dict(job.details.get("chosen", {})),
        seconds=candidate.seconds,
        steps=steps,
        values={name: [known.get(step) for step in steps] for name, known in values.items()},
    )


def _outputs(nodes: dict[str, Node], name: str) -> dict[str, Any]:
    found = nodes[name].outputs if name in nodes else None
    return found if isinstance(found, dict) else {}


def _trigger(row: views.PipelineView) -> str:
    if "event" in row.trigger:
        return str(row.trigger["event"])
    return "file" if "file" in row.trigger else "by hand or by the clock"


def _last(row: views.PipelineView) -> Any:
    """The latest moment that anything of a run under way is known of."""
    moments = [row.created_at]
    items: list[StepItem] = [*row.nodes, *(item for node in row.nodes for item in node.items)]
    for item in items:
        moments += [each for each in (item.started_at, item.ended_at) if each is not None]
    return max(moments)
