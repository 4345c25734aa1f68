"""The steps of the pipeline, one function each: what goes in, what comes out, and nothing kept between.

A step may run twice when its process is killed between its end and its record. So each asks first whether
it has been done: a job is found by its key, a model version by the run, an endpoint by what it serves.
"""

import asyncio
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from stoa.base.errors import Conflict, NotFound, Refused
from stoa.base.identity.caller import Caller, Role
from stoa.contract import Call
from stoa.core.flows.questions import Decision
from stoa.core.jobs.job import JobLimits, JobView
from stoa.core.pipelines.step_call import StepCall
from stoa.core.registry.aliases import CHALLENGER
from stoa.core.registry.artefacts import ArtefactView
from stoa.core.registry.datasets import Made
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import NewVersion
from stoa.solutions.recommend_products import endpoints, training
from stoa.solutions.recommend_products.catalogue import attributes_of
from stoa.solutions.recommend_products.commit import commit_of
from stoa.solutions.recommend_products.interactions import opened, parts_of
from stoa.solutions.recommend_products.judging import best_of, checks_of, problem_of, reason_of
from stoa.solutions.recommend_products.models import (
    APPROVE,
    REJECT,
    answer,
    champion_of,
    model_of,
    plain_metrics,
)
from stoa.solutions.recommend_products.names import models_of
from stoa.solutions.recommend_products.packing import pack
from stoa.solutions.recommend_products.schema import (
    Candidate,
    Check,
    Model,
    RunPipeline,
    Settings,
)
from stoa.solutions.recommend_products.settings import settings_of

_LIMITS = JobLimits(seconds=12 * 3600)


class Order(BaseModel):
    """One model to be trained."""

    kind: Model
    parameters: dict[str, float | int | str | bool]


class Plan(BaseModel):
    """What a run is about, fixed when it begins, whatever is added or set later."""

    shop: str
    dataset: str
    version: int
    partition: str
    code_version: str
    parts: list[str]
    """Ids of the versions of the interactions that it is made of, oldest first."""
    orders: list[Order]
    settings: Settings
    champion: str
    """Id of the model version that serves; empty where none does."""


class Prepared(BaseModel):
    """Data ready for training."""

    job: str
    artefact: str
    figures: dict[str, float]


class Verdict(BaseModel):
    """Which model is best, and whether it may serve."""

    chosen: Candidate | None
    champion: dict[str, float]
    checks: list[Check]
    reason: str
    """Why it is kept out; empty where it may serve."""


class Registered(BaseModel):
    """A version in the registry."""

    model: str
    version: int


class Decided(BaseModel):
    """Whether a version may serve, and who said so."""

    approved: bool
    reason: str


async def plan(step: StepCall, request: RunPipeline) -> Plan:
    """Settle which data and which models the run is about. Raises NotFound where there are no data."""
    call: Call = step.call
    parts = await parts_of(call, request.shop, request.dataset, request.version)
    settings = await settings_of(call, request.shop)
    champion = await champion_of(call, request.shop)
    newest = parts[-1]
    return Plan(
        shop=request.shop,
        dataset=newest.id,
        version=newest.version,
        partition=newest.partition,
        code_version=request.code_version or code_version(),
        parts=[each.id for each in parts],
        orders=[
            Order(kind=kind, parameters=settings.parameters.get(kind, {}))
            for kind in request.models or settings.models
        ],
        settings=settings,
        champion="" if champion is None else champion.id,
    )


async def prepare(step: StepCall, parts: list[str], partition: str) -> Prepared:
    """Ids, de-duplication, split in time, negatives: one process over all parts of the data."""
    call: Call = step.call
    registry = call.platform.registry
    rows = [await registry.datasets.show(call.caller, each) for each in parts]
    ray = bool(call.platform.settings.ray_address)
    job = await step.job(training.prepare(await opened(call, rows), partition, ray=ray))
    artefact = _artefact(job)
    for part in parts:
        await registry.lineage.link(
            call.caller, part, artefact, role="prepared", run_id=call.run_id
        )
    return Prepared(job=job.id, artefact=artefact, figures=plain_metrics(job.metrics))


async def train(step: StepCall, data: Prepared, order: Order) -> Candidate:
    """One model in one process, judged on what was held out.

    Raises:
        JobFailed: it could not be trained; the others still can.
    """
    call: Call = step.call
    folder = await call.platform.registry.artefacts.open(call.caller, data.artefact)
    job = await step.job(training.train(folder, order.kind, order.parameters, _LIMITS))
    problem = problem_of(job.metrics) if job.artefact_id else "It made no files."
    return Candidate(
        model=order.kind, job=job.id, state="done", metrics=plain_metrics(job.metrics),
        seconds=_seconds(job), chosen=False, problem=problem,
    )  # fmt: skip


async def judge_champion(step: StepCall, data: Prepared, champion: str) -> dict[str, float]:
    """What the model that serves makes of the data held out now."""
    call: Call = step.call
    row = await model_of(call, champion)
    artefacts = call.platform.registry.artefacts
    launch = training.evaluate(
        await artefacts.open(call.caller, data.artefact),
        await artefacts.open(call.caller, row.artefact_id),
    )
    return plain_metrics((await step.job(launch)).metrics)


def no_champion(champion: str) -> str | None:
    """Why the champion is not judged."""
    return None if champion else "Nothing serves yet."


async def judge(
    step: StepCall, plan: Plan, candidates: list[Candidate], champion: dict[str, float] | None
) -> Verdict:
    """Choose the best, and hold it against the champion and the other conditions."""
    chosen = best_of(candidates, plan.settings.metric)
    checks = checks_of(chosen, champion or {}, plan.settings)
    reason = reason_of(chosen, checks)
    await step.progress(reason or f"{chosen.model if chosen else 'It'} passes every check.")
    if chosen is not None:
        chosen = chosen.model_copy(update={"chosen": True})
    return Verdict(chosen=chosen, champion=champion or {}, checks=checks, reason=reason)


def kept_out(verdict: Verdict) -> str | None:
    """Why nothing is registered."""
    return verdict.reason or None


async def register(step: StepCall, plan: Plan, data: Prepared, verdict: Verdict) -> Registered:
    """A version in the shop's group, with metrics, parameters, code version and hash. Once per run."""
    call: Call = step.call
    chosen = verdict.chosen
    assert chosen is not None
    job = await call.platform.jobs.show(call.caller, chosen.job)
    artefact = await _packed(call, plan.shop, _artefact(job))
    made = Made(
        run_id=call.run_id, code_version=plan.code_version, sources=[*plan.parts, data.artefact]
    )
    new = NewVersion(
        kind=chosen.model.value,
        metrics=dict(chosen.metrics),
        parameters={
            **dict(job.details.get("chosen", {})),
            "dataset": f"interactions v{plan.version}, {plan.partition}",
        },
        job_id=job.id,
        made=made,
        key=step.pipeline_run_id,
    )
    group = models_of(plan.shop)
    row = await call.platform.registry.versions.register(call.caller, group, artefact, new)
    return Registered(model=row.id, version=row.version)


async def _packed(call: Call, shop: str, trained: str) -> ArtefactView:
    """The model's files with what the catalogue says of its items, as one artefact."""
    artefacts = call.platform.registry.artefacts
    attributes = await attributes_of(call, shop)
    files = await artefacts.open(call.caller, trained)
    with tempfile.TemporaryDirectory(prefix="stoa-model-") as scratch:
        folder = Path(scratch) / "model"
        await asyncio.to_thread(pack, files, folder, attributes)
        return await artefacts.add(call.caller, folder)


async def approve(step: StepCall, plan: Plan, registered: Registered, verdict: Verdict) -> Decided:
    """Let a person decide where the settings say so; else what passed its checks may serve.

    Whoever has decided on the registered version by then is not asked again.
    """
    call: Call = step.call
    row = await model_of(call, registered.model)
    if row.status is not Approval.PENDING:
        return Decided(approved=row.status is Approval.APPROVED, reason=row.reason)
    by, decided = call.caller, Decided(approved=True, reason="It passed its checks.")
    if plan.settings.approval:
        decision = await _asked(step, plan, registered, verdict)
        decided = _meaning(decision)
        if decision.decided_by is not None:
            by = _reviewer(call, decision.decided_by, decision.decided_by_name)
    row = await model_of(call, registered.model)
    status = Approval.APPROVED if decided.approved else Approval.REJECTED
    if row.status is not status:
        versions = call.platform.registry.versions
        await versions.decide(by, row.id, status, reason=decided.reason)
    return decided


async def _asked(step: StepCall, plan: Plan, registered: Registered, verdict: Verdict) -> Decision:
    call: Call = step.call
    assert verdict.chosen is not None

    async def decided_meanwhile() -> None:
        row = await model_of(call, registered.model)
        if row.status is not Approval.PENDING and row.decided_by is not None:
            choice = APPROVE if row.status is Approval.APPROVED else REJECT
            by = _reviewer(call, row.decided_by, row.decided_by_name)
            with suppress(Conflict):  # somebody answers the question itself right now: that holds
                await answer(call, by, row.id, choice, row.reason)

    return await step.ask_person(
        f"May {verdict.chosen.model} v{registered.version} serve the shop “{plan.shop}”?",
        choices=[APPROVE, REJECT],
        to=Role.REVIEWER,
        context={
            "model": registered.model,
            "checks": "\n".join(each.why for each in verdict.checks),
            "data": f"interactions v{plan.version}, {plan.partition}",
            "code version": plan.code_version or "not told",
        },
        deadline=timedelta(hours=plan.settings.approval_hours),
        default_choice=REJECT,
        once_asked=decided_meanwhile,
    )


def _reviewer(call: Call, user: str, name: str) -> Caller:
    """Whoever has decided, as a caller."""
    return Caller(call.caller.workspace_id, user, Role.REVIEWER, name or user)


def _meaning(decision: Decision) -> Decided:
    if decision.choice == APPROVE:
        return Decided(approved=True, reason=decision.reason)
    late = "Nobody decided in time." if decision.expired else "Rejected."
    return Decided(approved=False, reason=decision.reason or late)


def rejected(decided: Decided) -> str | None:
    """Why nothing is deployed."""
    return None if decided.approved else decided.reason


async def deploy(step: StepCall, plan: Plan, registered: Registered, decided: Decided) -> bool:
    """Bring the version to the endpoint: as champion, or as challenger where a share is set.

    Raises:
        Refused: it does not come up or fails its probes; what served before serves on.
    """
    call: Call = step.call
    del decided
    row = await model_of(call, registered.model)
    there = await endpoints.serving(call, plan.shop)
    first = not there or set(there.values()) == {row.id}
    share = 0.0 if first and there.get(CHALLENGER) != row.id else plan.settings.challenger_share
    await endpoints.go_live(call, plan.shop, row, plan.settings, share=share)
    return True


async def smoke_test(step: StepCall, plan: Plan, registered: Registered, deployed: bool) -> bool:
    """Ask the endpoint as a shop does.

    Raises:
        Refused: an answer is wrong.
    """
    call: Call = step.call
    wrong = await endpoints.smoke_test(call, plan.shop, await model_of(call, registered.model))
    if wrong:
        raise Refused(f"The smoke test failed: {wrong}", hint="What served before serves again.")
    return deployed


async def take_back(step: StepCall, plan: Plan, registered: Registered, error: str) -> str:
    """Serve what served before."""
    call: Call = step.call
    row = await model_of(call, registered.model)
    try:
        await endpoints.take_back(call, plan.shop, row, error[:500])
    except NotFound:  # it never came up
        return "Nothing had changed."
    return "What served before serves."


def code_version() -> str:
    """The commit that this code is of, where it runs from a checkout; else empty."""
    return commit_of(Path(__file__).parents[4])


def _artefact(job: JobView) -> str:
    if job.artefact_id is None:
        raise Refused(f"{job.title} made no files.", hint="See the job's log.")
    return job.artefact_id


def _seconds(job: JobView) -> float:
    if job.started_at is None or job.ended_at is None:
        return 0.0
    return round((job.ended_at - job.started_at).total_seconds(), 1)
