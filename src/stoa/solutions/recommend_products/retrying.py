"""One step of a failed run done again, and what depends on it; what was finished stays."""

from stoa.contract import Call
from stoa.solutions.recommend_products.flow import PIPELINE
from stoa.solutions.recommend_products.runs import failed_step, row_of, view_of
from stoa.solutions.recommend_products.schema import PipelineRun, RetryStep


async def retry_step(call: Call, request: RetryStep) -> PipelineRun:
    """Do a failed step of a run again; what was finished before it is not done again."""
    row = await row_of(call, request.run)
    step = request.step or failed_step(row)
    await call.platform.pipelines.retry(call.caller, row.id, step, PIPELINE)
    return view_of(await row_of(call, row.id))
