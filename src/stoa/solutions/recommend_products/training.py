"""What the processes that train are told, and what they tell: prepare, train, evaluate.

They are modules of `stoa.compute.training.recommenders`, launched as jobs: a recipe goes in as data, files
and figures come back. Nothing here imports them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stoa.core.jobs.job import JobLimits, Launch
from stoa.solutions.recommend_products.schema import Model

_ROOM: Final = "stoa.compute.training.recommenders"
_RETRIES: Final = 2


def prepare(parts: Sequence[Path], partition: str, *, ray: bool) -> Launch:
    """Ids, de-duplication by the latest event, the split in time and the sampled negatives.

    `ray`: the job runs on a cluster, and spreads its parts over it.
    """
    return Launch(
        module=f"{_ROOM}.prepare",
        title="Prepare",
        recipe={"sources": [str(path) for path in parts], "partition": partition, "ray": ray},
        retries=_RETRIES,
    )


def train(data: Path, model: Model, parameters: Mapping[str, Any], limits: JobLimits) -> Launch:
    """One model, trained on prepared data and judged on what was held out of them."""
    return Launch(
        module=f"{_ROOM}.train",
        title=f"Train {model.value}",
        recipe={"data": str(data), "model": {"kind": model.value, **parameters}},
        limits=limits,
        retries=_RETRIES,
        threads=1,
    )


def evaluate(data: Path, model: Path) -> Launch:
    """A model that was trained before, judged on what is held out of the data now."""
    return Launch(
        module=f"{_ROOM}.evaluate",
        title="Judge the champion",
        recipe={"data": str(data), "model": str(model)},
        retries=_RETRIES,
        threads=1,
    )
