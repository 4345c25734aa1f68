"""Jobs as rows: functions that work inside a transaction. They know no process."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import Bug, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.jobs.job import ENDED, JobState, JobView, Launch
from stoa.core.jobs.tables import JobRow


def view_of(row: JobRow) -> JobView:
    """The row as people see it."""
    own = {name: getattr(row, name) for name in JobView.model_fields if hasattr(row, name)}
    return JobView(
        **own,
        title=row.launch["title"] or row.launch["module"],
        module=row.launch["module"],
        recipe=row.launch["recipe"],
    )


def visible(session: Session, job_id: str) -> JobRow:
    """The job, in a session of its workspace. Raises NotFound."""
    row = session.scalar(sa.select(JobRow).where(JobRow.id == job_id))
    if row is None:
        raise NotFound(f"There is no job '{job_id}'.", hint="List the jobs to see their ids.")
    return row


def locked(session: Session, job_id: str) -> JobRow:
    """The job, held until the transaction ends."""
    query = sa.select(JobRow).where(JobRow.id == job_id).with_for_update()
    row = session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        raise Bug(f"job {job_id} has no row")
    return row


def ask(
    session: Session, caller: Caller, key: str, run_id: str | None, launch: Launch, launcher: str
) -> JobRow:
    """The job of that key, made where it is missing; one that failed or was stopped is asked anew."""
    query = sa.select(JobRow).where(JobRow.key == key).with_for_update()
    row = session.scalar(query)
    if row is None:
        row = JobRow(
            id=new_id("job"),
            key=key,
            user_id=caller.user_id,
            attempt=0,
            lost=0,
            latest={},
            metrics={},
            details={},
            message="",
            done=0,
            total=0,
            memory_mb=0,
            created_at=now(),
        )
        _begin(row, run_id, launch, launcher)
        session.add(row)
    elif row.state in (JobState.FAILED, JobState.CANCELLED):
        _begin(row, run_id, launch, launcher)
    row.updated_at = now()
    session.flush()
    return row


def _begin(row: JobRow, run_id: str | None, launch: Launch, launcher: str) -> None:
    row.run_id = run_id
    row.launch = launch.model_dump(mode="json")
    row.launcher = launcher
    row.state = JobState.QUEUED
    row.stopping = False
    row.failures = 0
    row.lost = 0
    row.error = ""
    row.exit_code = None
    row.ended_at = None


def start(session: Session, job_id: str) -> bool:
    """A new attempt; False where the job has ended or is to be stopped."""
    row = locked(session, job_id)
    if row.state in ENDED or row.stopping:
        return False
    row.attempt += 1
    row.state = JobState.RUNNING
    row.handle = None
    row.started_at = row.started_at or now()
    row.updated_at = now()
    return True


def note(session: Session, job_id: str, **columns: Any) -> bool:
    """Set columns of a job that has not ended; whether somebody wants it stopped."""
    row = locked(session, job_id)
    if row.state in ENDED:
        return True
    for name, value in columns.items():
        setattr(row, name, value)
    row.updated_at = now()
    return row.stopping


def end(session: Session, job_id: str, state: JobState, **columns: Any) -> JobRow:
    """The job has ended; nothing happens to one that has ended before."""
    row = locked(session, job_id)
    if row.state not in ENDED:
        for name, value in columns.items():
            setattr(row, name, value)
        row.state, row.ended_at, row.updated_at = state, now(), now()
    return row


def want_stopped(session: Session, job_id: str) -> JobRow:
    """Let whoever follows the job stop it."""
    visible(session, job_id)
    row = locked(session, job_id)
    if row.state not in ENDED:
        row.stopping, row.updated_at = True, now()
        if row.state == JobState.QUEUED:
            row.state, row.ended_at = JobState.CANCELLED, now()
    return row


def newest(session: Session, run_id: str | None, limit: int) -> list[JobView]:
    """The jobs of a run, or of all."""
    query = sa.select(JobRow).order_by(JobRow.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(JobRow.run_id == run_id)
    return [view_of(row) for row in session.scalars(query)]


def unended(session: Session) -> list[JobRow]:
    """All jobs of all workspaces that have not ended."""
    query = sa.select(JobRow).where(JobRow.state.in_((JobState.QUEUED, JobState.RUNNING)))
    return list(session.scalars(query))


def ended_before(session: Session, moment: datetime, limit: int) -> list[tuple[str, str]]:
    """(workspace, id) of jobs that ended before."""
    query = sa.select(JobRow.workspace_id, JobRow.id).where(JobRow.ended_at < moment).limit(limit)
    return [(workspace, job_id) for workspace, job_id in session.execute(query)]
