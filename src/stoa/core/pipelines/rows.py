"""Runs of pipelines and their steps as rows: functions that work inside a transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Bug, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.flows.run import RunState
from stoa.core.pipelines.pipeline import Pipeline, source_of
from stoa.core.pipelines.tables import PipelineRunRow, PipelineStepRow
from stoa.core.pipelines.views import Edge, Node, PipelineRun, PipelineView, StepItem, StepState

_WHOLE = -1
ON_FAILURE = "if it fails"
_ALIVE = (StepState.RUNNING, StepState.WAITING)


def begin(
    session: Session,
    caller: Caller,
    pipeline: Pipeline,
    run_id: str | None,
    inputs: dict[str, Any],
    trigger: Mapping[str, Any],
) -> str:
    """The row of this run, with all its steps; after a crash or a resume the one that is there."""
    if run_id is not None:
        query = sa.select(PipelineRunRow).where(
            PipelineRunRow.run_id == run_id, PipelineRunRow.pipeline == pipeline.name
        )
        found = session.scalar(query)
        if found is not None:
            found.state, found.error, found.ended_at = StepState.RUNNING, "", None
            _add_steps(session, found.id, pipeline)
            return found.id
    row = PipelineRunRow(
        id=new_id("pipeline"),
        run_id=run_id,
        pipeline=pipeline.name,
        title=pipeline.shown_as[:200],
        inputs=inputs,
        trigger=dict(trigger),
        edges=[each.model_dump() for each in edges_of(pipeline)],
        state=StepState.RUNNING,
        error="",
        user_id=caller.user_id,
        created_at=now(),
        ended_at=None,
    )
    session.add(row)
    session.flush()
    _add_steps(session, row.id, pipeline)
    return row.id


def edges_of(pipeline: Pipeline) -> list[Edge]:
    """The arrows between steps."""
    edges = []
    for step in pipeline.steps:
        for source in sorted(step.sources):
            named = [n for n, ref in step.takes.items() if source_of(ref)[0] == source]
            edges.append(Edge(source=source, target=step.name, label=", ".join(named)))
        others = [each for each in step.after if each not in step.sources]
        edges += [Edge(source=each, target=step.name) for each in others]
        edges += [Edge(source=each, target=step.name, label=ON_FAILURE) for each in step.rescues]
    return edges


def _add_steps(session: Session, id_: str, pipeline: Pipeline) -> None:
    query = sa.select(PipelineStepRow.name).where(PipelineStepRow.pipeline_run_id == id_)
    there = set(session.scalars(query))
    for position, step in enumerate(pipeline.steps):
        if step.name not in there:
            session.add(_fresh(id_, step.name, _WHOLE, position, step.shown_as))


def _fresh(id_: str, name: str, item: int, position: int, title: str) -> PipelineStepRow:
    return PipelineStepRow(
        pipeline_run_id=id_,
        name=name,
        item=item,
        position=position,
        title=title[:200],
        state=StepState.PENDING,
        reason="",
        fingerprint="",
        cached_from=None,
        inputs={},
        outputs=None,
        error=None,
        job_ids=[],
        message="",
        done=0,
        total=0,
        attempts=0,
        started_at=None,
        ended_at=None,
    )


def find(session: Session, id_: str, name: str, item: int) -> PipelineStepRow | None:
    """The row of a step or of one of its items."""
    query = sa.select(PipelineStepRow).where(
        PipelineStepRow.pipeline_run_id == id_,
        PipelineStepRow.name == name,
        PipelineStepRow.item == item,
    )
    return session.scalar(query)


def start(
    session: Session,
    id_: str,
    name: str,
    item: int,
    title: str,
    inputs: dict[str, Any],
    print_: str,
) -> PipelineStepRow:
    """A step begins, again where it was begun before."""
    row = find(session, id_, name, item)
    if row is None:
        whole = find(session, id_, name, _WHOLE)
        if whole is None:
            raise Bug(f"step {name} has no row")
        row = _fresh(id_, name, item, whole.position, title)
        session.add(row)
    if row.state == StepState.DONE and row.fingerprint == print_:
        return row  # done before a crash, or before what comes after it failed
    if row.state == StepState.WAITING and row.fingerprint == print_:
        row.state = StepState.RUNNING  # the run waited for a person, and goes on
        return row
    row.state, row.fingerprint, row.inputs = StepState.RUNNING, print_, inputs
    row.reason, row.error, row.cached_from, row.outputs = "", None, None, None
    row.attempts += 1
    row.started_at, row.ended_at = now(), None
    session.flush()
    return row


def change(session: Session, id_: str, name: str, item: int, **columns: Any) -> None:
    """Set columns of a step; its beginning and its end get their times."""
    row = find(session, id_, name, item)
    if row is None:
        raise Bug(f"step {name} has no row")
    for column, value in columns.items():
        setattr(row, column, value)
    if "state" not in columns:
        return
    if row.state not in (StepState.PENDING, StepState.SKIPPED):
        row.started_at = row.started_at or now()
    row.ended_at = now() if StepState(row.state).ended else None


def add_job(session: Session, id_: str, name: str, item: int, job_id: str) -> None:
    """Note that a step works through a job."""
    row = find(session, id_, name, item)
    if row is not None and job_id not in row.job_ids:
        row.job_ids = [*row.job_ids, job_id]


def finish(session: Session, id_: str, state: StepState, error: str = "") -> None:
    """The run of the pipeline has ended."""
    row = session.scalar(sa.select(PipelineRunRow).where(PipelineRunRow.id == id_))
    if row is not None:
        row.state, row.error, row.ended_at = state, error, now()


def cached(session: Session, print_: str, not_of: str) -> PipelineStepRow | None:
    """The newest finished step of that fingerprint, of another run of the workspace."""
    query = (
        sa.select(PipelineStepRow)
        .where(
            PipelineStepRow.fingerprint == print_,
            PipelineStepRow.state == StepState.DONE,
            PipelineStepRow.pipeline_run_id != not_of,
        )
        .order_by(PipelineStepRow.pipeline_run_id.desc())
        .limit(1)
    )
    return session.scalar(query)


def reset(session: Session, id_: str, names: Collection[str]) -> None:
    """Let these steps be done again."""
    query = sa.select(PipelineStepRow).where(
        PipelineStepRow.pipeline_run_id == id_, PipelineStepRow.name.in_(names)
    )
    for row in session.scalars(query):
        row.state, row.fingerprint, row.error, row.ended_at = StepState.PENDING, "", None, None


def one(session: Session, id_: str) -> PipelineRunRow:
    """A run, in a session of its workspace. Raises NotFound."""
    row = session.scalar(sa.select(PipelineRunRow).where(PipelineRunRow.id == id_))
    if row is None:
        raise NotFound(f"There is no pipeline run '{id_}'.", hint="List the runs there are.")
    return row


def of_run(session: Session, run_id: str) -> PipelineRunRow | None:
    """The run of a pipeline that a durable run works on."""
    query = sa.select(PipelineRunRow).where(PipelineRunRow.run_id == run_id)
    return session.scalar(query.order_by(PipelineRunRow.id).limit(1))


def newest(session: Session, pipeline: str | None, limit: int) -> list[PipelineRunRow]:
    """Runs, newest first."""
    query = sa.select(PipelineRunRow).order_by(PipelineRunRow.id.desc()).limit(limit)
    if pipeline is not None:
        query = query.where(PipelineRunRow.pipeline == pipeline)
    return list(session.scalars(query))


def steps_of(session: Session, id_: str) -> list[PipelineStepRow]:
    """All step rows of a run, in their order, each step before its items."""
    query = (
        sa.select(PipelineStepRow)
        .where(PipelineStepRow.pipeline_run_id == id_)
        .order_by(PipelineStepRow.position, PipelineStepRow.item)
    )
    return list(session.scalars(query))


def run_view(row: PipelineRunRow, run_state: RunState | None) -> PipelineRun:
    """A run for the history."""
    return PipelineRun(**_run_fields(row, run_state))


def whole_view(
    row: PipelineRunRow, steps: list[PipelineStepRow], run_state: RunState | None
) -> PipelineView:
    """A run with its graph."""
    fields = _run_fields(row, run_state)
    over = StepState(fields["state"]).ended
    nodes: dict[str, Node] = {}
    for step in steps:
        if step.item == _WHOLE:
            nodes[step.name] = Node(name=step.name, **_fields(step, over=over))
        elif step.name in nodes:
            nodes[step.name].items.append(StepItem(**_fields(step, over=over)))
    edges = [Edge.model_validate(each) for each in row.edges]
    return PipelineView(**fields, nodes=[*nodes.values()], edges=edges)


def _run_fields(row: PipelineRunRow, run_state: RunState | None) -> dict[str, Any]:
    state = StepState(row.state)
    if not state.ended and run_state is not None:
        state = {
            RunState.CANCELLED: StepState.CANCELLED,
            RunState.FAILED: StepState.FAILED,
            RunState.WAITING: StepState.WAITING,
        }.get(run_state, state)
    return {
        "id": row.id,
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "title": row.title,
        "state": state,
        "error": row.error,
        "trigger": row.trigger,
        "inputs": row.inputs,
        "started_by": row.user_id,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def _fields(row: PipelineStepRow, *, over: bool) -> dict[str, Any]:
    state = StepState(row.state)
    if over and state in _ALIVE:
        state = StepState.CANCELLED  # its run was stopped while it worked
    error = row.error or {}
    return {
        "title": row.title,
        "state": state,
        "reason": row.reason,
        "seconds": _seconds(row.started_at, row.ended_at, alive=state in _ALIVE),
        "cached": row.cached_from is not None,
        "cached_from": row.cached_from,
        "error": error.get("message", ""),
        "hint": error.get("hint", ""),
        "message": row.message,
        "done": row.done,
        "total": row.total,
        "job_ids": row.job_ids,
        "attempts": row.attempts,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
    }


def _seconds(start: datetime | None, end: datetime | None, *, alive: bool) -> float | None:
    if start is None or (end is None and not alive):
        return None
    return round(((end or now()) - start).total_seconds(), 3)
