"""The steps of the pipeline, one function each: what goes in, what comes out, and nothing kept between.

A step may run twice when its process is killed between its end and its record. So each asks first whether
it has been done: a job is found by its key, a model version by the run, an endpoint by what it serves.
"""

from pathlib import Path

from pydantic import BaseModel

from stoa.base.errors import JobFailed, NotFound, Refused
from stoa.contract import Call
from stoa.core.jobs.job import JobLimits, JobView, OnProgress
from stoa.core.registry.aliases import CHALLENGER
from stoa.core.registry.datasets import Made
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import NewVersion
from stoa.solutions.recommend_products import endpoints, training
from stoa.solutions.recommend_products.interactions import opened, parts_of
from stoa.solutions.recommend_products.judging import (
    MEGABYTES,
    best_of,
    checks_of,
    reason_of,
)
from stoa.solutions.recommend_products.models import champion_of, model_of, plain_metrics
from stoa.solutions.recommend_products.names import models_of
from stoa.solutions.recommend_products.schema import (
    Candidate,
    Check,
    Model,
    RunPipeline,
    Settings,
)
from stoa.solutions.recommend_products.settings import settings_of

_TRAINING = JobLimits(seconds=6 * 3600)
_MEGABYTE = 1e6


class Plan(BaseModel):
    """What a run is about, fixed when it begins, whatever is added or set later."""

    run: str
    shop: str
    dataset: str
    version: int
    partition: str
    code_version: str
    parts: list[str]
    """Ids of the versions of the interactions that it is made of, oldest first."""
    models: list[Model]
    settings: Settings

    @property
    def data_name(self) -> str:
        """The data, in words."""
        return f"interactions v{self.version}, {self.partition}"


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


async def plan(call: Call, run: str, request: RunPipeline) -> Plan:
    """Settle which data and which models the run is about. Raises NotFound where there are no data."""
    parts = await parts_of(call, request.shop, request.dataset, request.version)
    settings = await settings_of(call, request.shop)
    newest = parts[-1]
    return Plan(
        run=run,
        shop=request.shop,
        dataset=newest.id,
        version=newest.version,
        partition=newest.partition,
        code_version=request.code_version or newest.code_version or code_version(),
        parts=[each.id for each in parts],
        models=request.models or settings.models,
        settings=settings,
    )


async def prepare(call: Call, plan: Plan, on_progress: OnProgress | None = None) -> Prepared:
    """Ids, de-duplication, split in time, negatives: one process over all parts of the data."""
    registry = call.platform.registry
    rows = [await registry.datasets.show(call.caller, each) for each in plan.parts]
    launch = training.prepare(await opened(call, rows), plan.partition)
    job = await call.platform.jobs.run(
        call.caller, launch, key=f"{plan.run}.prepare", run_id=call.run_id, on_progress=on_progress
    )
    for part in plan.parts:
        await registry.lineage.link(
            call.caller, part, job.artefact_id or "", role="prepared from", run_id=call.run_id
        )
    return Prepared(job=job.id, artefact=job.artefact_id or "", figures=plain_metrics(job.metrics))


async def train(
    call: Call, plan: Plan, data: Prepared, model: Model, on_progress: OnProgress | None = None
) -> Candidate:
    """One model in one process. What can't be trained is a candidate with a problem, not an error."""
    folder = await call.platform.registry.artefacts.open(call.caller, data.artefact)
    parameters = plan.settings.parameters.get(model, {})
    launch = training.train(folder, model, parameters, _TRAINING)
    jobs = call.platform.jobs
    key = f"{plan.run}.train.{model}"
    try:
        job = await jobs.run(
            call.caller, launch, key=key, run_id=call.run_id, on_progress=on_progress
        )
    except JobFailed as error:
        return Candidate(
            model=model, job=str(error.details.get("job_id", "")), state="failed", metrics={},
            seconds=0.0, chosen=False, problem=error.message,
        )  # fmt: skip
    metrics = plain_metrics(job.metrics)
    if job.artefact_id is not None:
        artefact = await call.platform.registry.artefacts.show(call.caller, job.artefact_id)
        metrics[MEGABYTES] = artefact.size / _MEGABYTE
    return Candidate(
        model=model, job=job.id, state="done", metrics=metrics, seconds=_seconds(job),
        chosen=False, problem="" if job.artefact_id else "It made no files.",
    )  # fmt: skip


async def judge_champion(
    call: Call, plan: Plan, data: Prepared, on_progress: OnProgress | None = None
) -> dict[str, float]:
    """What the model that serves makes of the data held out now; nothing where none serves."""
    champion = await champion_of(call, plan.shop)
    if champion is None:
        return {}
    artefacts = call.platform.registry.artefacts
    launch = training.evaluate(
        await artefacts.open(call.caller, data.artefact),
        await artefacts.open(call.caller, champion.artefact_id),
    )
    job = await call.platform.jobs.run(
        call.caller, launch, key=f"{plan.run}.champion", run_id=call.run_id, on_progress=on_progress
    )
    return plain_metrics(job.metrics)


def judge(plan: Plan, candidates: list[Candidate], champion: dict[str, float]) -> Verdict:
    """Choose the best, and hold it against the champion and the other conditions."""
    chosen = best_of(candidates, plan.settings.metric)
    checks = checks_of(chosen, champion, plan.settings)
    if chosen is not None:
        chosen = chosen.model_copy(update={"chosen": True})
    return Verdict(
        chosen=chosen, champion=champion, checks=checks, reason=reason_of(chosen, checks)
    )


async def register(call: Call, plan: Plan, data: Prepared, verdict: Verdict) -> Registered:
    """A version in the shop's group, with metrics, parameters, code version and hash. Once per run."""
    chosen = verdict.chosen
    assert chosen is not None
    job = await call.platform.jobs.show(call.caller, chosen.job)
    artefact = await call.platform.registry.artefacts.show(call.caller, job.artefact_id or "")
    model = {name: value for name, value in dict(job.recipe.get("model", {})).items()}
    new = NewVersion(
        kind=chosen.model.value,
        metrics=dict(chosen.metrics),
        parameters={**model, "dataset": plan.data_name},
        job_id=job.id,
        made=Made(
            run_id=call.run_id,
            code_version=plan.code_version,
            sources=[*plan.parts, data.artefact],
        ),
        key=plan.run,
    )
    group = models_of(plan.shop)
    row = await call.platform.registry.versions.register(call.caller, group, artefact, new)
    return Registered(model=row.id, version=row.version)


async def decide(call: Call, model: str, approved: bool, reason: str) -> None:
    """Write into the registry whether the version may serve. The same decision again changes nothing."""
    row = await model_of(call, model)
    status = Approval.APPROVED if approved else Approval.REJECTED
    if row.status is not status:
        await call.platform.registry.versions.decide(call.caller, model, status, reason=reason)


async def deploy(call: Call, plan: Plan, model: str) -> str:
    """Bring the version to the endpoint; why it does not serve, or nothing. What serves stays until then."""
    row = await model_of(call, model)
    try:
        there = await endpoints.serving(call, plan.shop)
        share = plan.settings.challenger_share if there and model not in there.values() else 0.0
        if there.get(CHALLENGER) == model:
            share = plan.settings.challenger_share
        await endpoints.go_live(call, plan.shop, row, plan.settings, share=share)
    except (Refused, NotFound) as error:
        return error.message
    return ""


async def smoke_test(call: Call, plan: Plan, model: str) -> str:
    """Ask the endpoint as a shop does; what is wrong with its answers, or nothing."""
    return await endpoints.smoke_test(call, plan.shop, await model_of(call, model))


async def take_back(call: Call, plan: Plan, model: str, reason: str) -> None:
    """Serve what served before the version."""
    await endpoints.take_back(call, plan.shop, await model_of(call, model), reason)


def code_version() -> str:
    """The commit that this code is of, where it runs from a checkout; else empty."""
    git = Path(__file__).parents[4] / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref: "):
            head = (git / head[5:]).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return head[:40]


def _seconds(job: JobView) -> float:
    if job.started_at is None or job.ended_at is None:
        return 0.0
    return round((job.ended_at - job.started_at).total_seconds(), 1)


