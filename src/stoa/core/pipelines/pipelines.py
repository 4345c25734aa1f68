"""Pipelines: declared steps, worked through as durable runs, with history and a live graph.

`platform.pipelines` is one of these. A pipeline is run inside an operation of a solution; who may start
it, by hand, by the clock or by an event, is declared there. This room knows no solution.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from sqlalchemy.orm import Session

from stoa.base.database import Database
from stoa.base.errors import Conflict, InvalidInput, NotFound
from stoa.base.identity.caller import Caller
from stoa.core.flows.flows import Flows, RunView
from stoa.core.jobs.jobs import Jobs
from stoa.core.pipelines import rows
from stoa.core.pipelines.pipeline import Pipeline
from stoa.core.pipelines.running import Running
from stoa.core.pipelines.step_call import Place, StepServices
from stoa.core.pipelines.tables import PipelineRunRow
from stoa.core.pipelines.views import PipelineRun, PipelineView, StepState
from stoa.core.registry.registry import Registry

MOST_RUNS: Final = 200
_ID = re.compile(r"(artefact|dataset|model)_[0-9a-z]{26}")


class Pipelines:
    """Runs, lists and shows pipelines. One per process."""

    def __init__(self, database: Database, flows: Flows, jobs: Jobs, registry: Registry) -> None:
        self._database = database
        self._flows = flows
        self._registry = registry
        self._services = StepServices(database, jobs)

    async def run(
        self,
        place: Place,
        pipeline: Pipeline,
        inputs: BaseModel,
        *,
        trigger: Mapping[str, Any] | None = None,
        fresh: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Work through a pipeline; outputs by step, None for steps that were skipped.

        Args:
            place: the call of the operation that this is the work of.
            pipeline: what to do.
            inputs: of the type that the pipeline names.
            trigger: what started it, such as `{"event": "…", "path": "…"}`, for the history.
            fresh: steps that are done although an earlier run did the same; `*` is all.

        Raises:
            InvalidInput: the inputs are of another type.
            StoaError: the error of the first step that failed.
        """
        plain = _checked(pipeline, inputs)
        unknown = set(fresh) - {step.name for step in pipeline.steps} - {"*"}
        if unknown:
            raise InvalidInput(
                f"There is no step '{min(unknown)}'.",
                hint=f"There are: {', '.join(step.name for step in pipeline.steps)}.",
            )
        caller = place.caller

        def begin(session: Session) -> str:
            return rows.begin(session, caller, pipeline, place.run_id, plain, trigger or {})

        id_ = await self._database.write(begin, workspace=caller.workspace_id)
        running = Running(
            self._database,
            self._services,
            self._flows.side_by_side,
            lambda outputs: self._still_there(caller, outputs),
            pipeline,
            place,
            id_,
            plain,
            fresh,
        )
        return await running.to_end()

    async def show(self, caller: Caller, id_: str) -> PipelineView:
        """One run with its graph, as it stands. Raises NotFound, also for another workspace's."""

        def read(session: Session) -> tuple[PipelineRunRow, list[Any]]:
            return rows.one(session, id_), rows.steps_of(session, id_)

        row, steps = await self._database.read(read, workspace=caller.workspace_id)
        states = await self._flows.states([row.run_id] if row.run_id else [])
        return rows.whole_view(row, steps, states.get(row.run_id or ""))

    async def of_run(self, caller: Caller, run_id: str) -> PipelineView:
        """The pipeline that a durable run works on. Raises NotFound where there is none (yet)."""
        row = await self._database.read(
            lambda s: rows.of_run(s, run_id), workspace=caller.workspace_id
        )
        if row is None:
            raise NotFound(f"Run '{run_id}' has no pipeline.", hint="It may be about to begin.")
        return await self.show(caller, row.id)

    async def retry(self, caller: Caller, id_: str, step: str, pipeline: Pipeline) -> RunView:
        """Do one step of a failed or cancelled run again, and what depends on it; the rest stays.

        Raises:
            NotFound: no such run or step.
            Conflict: the run has not ended, is done, or was not durable.
        """
        view = await self.show(caller, id_)
        if step not in {node.name for node in view.nodes}:
            raise NotFound(f"There is no step '{step}'.", hint="See the steps of the run.")
        if view.run_id is None or view.state not in (StepState.FAILED, StepState.CANCELLED):
            raise Conflict(
                "Only a step of a run that failed or was stopped is done again.",
                hint="Start the pipeline anew; steps with the same inputs are taken over.",
            )
        again = pipeline.below(step)
        await self._database.write(
            lambda s: rows.reset(s, id_, again), workspace=caller.workspace_id
        )
        return await self._flows.resume(caller, view.run_id)

    async def list(
        self, caller: Caller, pipeline: str | None = None, *, limit: int = 50
    ) -> list[PipelineRun]:
        """The history, newest first; of one pipeline or of all."""
        most = max(1, min(limit, MOST_RUNS))
        found = await self._database.read(
            lambda s: rows.newest(s, pipeline, most), workspace=caller.workspace_id
        )
        states = await self._flows.states([row.run_id for row in found if row.run_id])
        return [rows.run_view(row, states.get(row.run_id or "")) for row in found]

    async def _still_there(self, caller: Caller, outputs: Any) -> bool:
        """Whether what an earlier run made is still in the registry."""
        registry = self._registry
        shows: dict[str, Any] = {
            "artefact": registry.artefacts.show,
            "dataset": registry.datasets.show,
            "model": registry.versions.show,
        }
        for id_ in _ids(outputs):
            try:
                await shows[id_.split("_")[0]](caller, id_)
            except NotFound:
                return False
        return True


def _checked(pipeline: Pipeline, inputs: BaseModel) -> dict[str, Any]:
    try:
        valid = pipeline.inputs.model_validate(inputs.model_dump())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(
            f"The pipeline's inputs do not fit: {first['msg']}.", hint="See their fields."
        ) from error
    plain: dict[str, Any] = valid.model_dump(mode="json")
    return plain


def _ids(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value} if _ID.fullmatch(value) else set()
    if isinstance(value, Mapping):
        return {id_ for each in value.values() for id_ in _ids(each)}
    if isinstance(value, list):
        return {id_ for each in value for id_ in _ids(each)}
    return set()
