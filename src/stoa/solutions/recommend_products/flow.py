"""From new interactions to a better model that serves, or to the reason why there is none. Read this first.

    plan → prepare → train, several side by side ─┬→ judge → register → approve → deploy → smoke test
                   → judge the champion, on the same held-out data ─┘        (fails: take back)

Each step is a function in `steps.py`; the arrows are the references below. What was done before with the
same data, parameters and code is not done again. A run survives kill -9 at any line: jobs go on from their
checkpoints, a version is registered once, and the old model serves until the new one has answered.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from stoa.base.errors import StoaError
from stoa.contract import Call
from stoa.core.pipelines.pipeline import Pipeline, Step
from stoa.solutions.recommend_products import steps
from stoa.solutions.recommend_products.events import RUN_ENDED, SOURCE, RunEnded
from stoa.solutions.recommend_products.interactions import store
from stoa.solutions.recommend_products.runs import view_of
from stoa.solutions.recommend_products.schema import (
    AddInteractions,
    DatasetView,
    PipelineRun,
    RunPipeline,
)

_COMPUTE: Final = (
    "stoa.compute.training.recommenders",
    "stoa.compute.networks.recommenders",
)
PIPELINE: Final = Pipeline(
    "recommend_products",
    inputs=RunPipeline,
    title="Recommendations",
    steps=(
        Step(steps.plan, {"request": "inputs"}, cache=False),
        Step(
            steps.prepare,
            {"parts": "plan.parts", "partition": "plan.partition"},
            code=(f"{_COMPUTE[0]}.prepare", f"{_COMPUTE[0]}.preparing"),
        ),
        Step(
            steps.train,
            {"data": "prepare", "order": "plan.orders"},
            over="order",
            at_once=2,
            tolerates=True,
            code=_COMPUTE,
        ),
        Step(
            steps.judge_champion,
            {"data": "prepare", "champion": "plan.champion"},
            unless=steps.no_champion,
            code=_COMPUTE,
        ),
        Step(
            steps.judge,
            {"plan": "plan", "candidates": "train", "champion": "judge_champion"},
            even_if_skipped=True,
            cache=False,
        ),
        Step(
            steps.register,
            {"plan": "plan", "data": "prepare", "verdict": "judge"},
            unless=steps.kept_out,
            cache=False,
        ),
        Step(
            steps.approve,
            {"plan": "plan", "registered": "register", "verdict": "judge"},
            cache=False,
        ),
        Step(
            steps.deploy,
            {"plan": "plan", "registered": "register", "decided": "approve"},
            unless=steps.rejected,
            cache=False,
        ),
        Step(
            steps.smoke_test,
            {"plan": "plan", "registered": "register", "deployed": "deploy"},
            cache=False,
        ),
        Step(
            steps.take_back,
            {"plan": "plan", "registered": "register"},
            title="Roll back",
            rescues=("deploy", "smoke_test"),
            cache=False,
        ),
    ),
)


async def run_pipeline(call: Call, request: RunPipeline) -> PipelineRun:
    """Prepare the newest data, train and judge models on them, and deploy the best if it is better.

    What is not better than the model that serves is kept out, and the result says why.
    """
    trigger = _trigger(request)
    if request.data is not None:
        adding = AddInteractions(
            file=request.data,
            shop=request.shop,
            partition=request.partition,
            code_version=request.code_version,
            train=False,
        )
        added: DatasetView = await call.step(partial(store, call, adding))
        request = request.model_copy(update={"data": None, "dataset": added.id})
    try:
        await call.platform.pipelines.run(call, PIPELINE, request, trigger=trigger)
    except StoaError:
        await call.step(partial(_tell, call, request.shop))
        raise
    return await call.step(partial(_tell, call, request.shop))


async def _tell(call: Call, shop: str) -> PipelineRun:
    """Say what came of the run, once."""
    pipelines = call.platform.pipelines
    if call.run_id is not None:
        row = await pipelines.of_run(call.caller, call.run_id)
    else:
        newest = await pipelines.list(call.caller, PIPELINE.name, limit=1)
        row = await pipelines.show(call.caller, newest[0].id)
    view = view_of(row)
    told = RunEnded(
        run=view.id, shop=shop, outcome=view.outcome, reason=view.reason, model=view.model
    )
    await call.platform.events.publish(
        call.caller.workspace_id,
        type=RUN_ENDED,
        source=SOURCE,
        subject=view.id,
        data=told.model_dump(mode="json"),
        key=f"{RUN_ENDED} {view.id} {view.outcome}",
    )
    return view


def _trigger(request: RunPipeline) -> Mapping[str, Any]:
    """What started the run, for its history."""
    if request.path:
        return {"event": "interactions added", "path": request.path, "version": request.version}
    return {"file": request.data} if request.data is not None else {}
