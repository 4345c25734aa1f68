"""Model versions to MLflow: an optional copy for people who look at their models there.

The registry stays the truth; nothing is read back. A version becomes a run (parameters, metrics, tags,
curves where they are given) and a version of a registered model with the same aliases. What is there
already is brought up to date, so an export may be repeated. Needs `stoa[mlflow]`; MLflow's own telemetry
is off. MLflow (Apache-2.0) calls are slow and blocking: they run in a thread.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel

from stoa.base.errors import InvalidInput, ProviderError, SetupError
from stoa.base.identity.caller import Caller
from stoa.core.registry.registry import Registry
from stoa.core.registry.versions import ModelVersionView

_SCHEMES: Final = {"sqlite", "http", "https", "postgresql", "databricks"}
_TAG: Final = "stoa.version_id"
_BATCH = 500
_LONGEST = 500


class _Point(Protocol):
    step: int
    time: float
    value: float


class _Curve(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def points(self) -> Sequence[_Point]: ...


Curves = Callable[[str], Awaitable[Sequence[_Curve]]]
"""Curves by the id of a job."""


class Exported(BaseModel):
    """What an export has done."""

    versions: int
    """That were new in MLflow."""
    known: int
    """That were there before, and were brought up to date."""


class MlflowExport:
    """Writes to one MLflow: a server's address, or `sqlite:////folder/mlflow.db`."""

    def __init__(self, address: str) -> None:
        """Raises SetupError: MLflow is not installed. InvalidInput: the address is none of its kinds."""
        if urlsplit(address).scheme.split("+")[0] not in _SCHEMES:
            raise InvalidInput(
                "That is no address of MLflow.",
                hint="Give https://host, or sqlite:////folder/mlflow.db.",
            )
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["DO_NOT_TRACK"] = "true"
        try:
            import mlflow  # noqa: F401 - optional part
        except ImportError as error:
            raise SetupError(
                "MLflow is not installed.", hint="Install it: pip install 'stoa[mlflow]'."
            ) from error
        self._address = address
        self._client: Any = None

    async def export(
        self, registry: Registry, caller: Caller, group: str, curves: Curves | None = None
    ) -> Exported:
        """Copy the versions of a model, oldest first.

        Raises:
            ProviderError: MLflow does not take them.
        """
        versions = await registry.versions.list(caller, group, limit=500)
        new = 0
        for version in reversed(versions):
            found = () if curves is None or not version.job_id else await curves(version.job_id)
            new += await asyncio.to_thread(self._guarded, version, found)
        return Exported(versions=new, known=len(versions) - new)

    def _guarded(self, version: ModelVersionView, curves: Sequence[_Curve]) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return self._one(version, curves)
        except MlflowException as error:
            raise ProviderError(
                f"MLflow refused {version.group} v{version.version}: {str(error)[:300]}",
                hint="Check the address and the server's log.",
                retryable=True,
            ) from error

    def _one(self, version: ModelVersionView, curves: Sequence[_Curve]) -> bool:
        """One version; whether it was new."""
        from mlflow.entities import Metric, Param

        client = self._opened()
        experiment = client.get_experiment_by_name(version.group)
        id_ = experiment.experiment_id if experiment else client.create_experiment(version.group)
        run = self._run_of(id_, version)
        fresh = run is None
        if run is None:
            started = int(version.created_at.timestamp() * 1000)
            run = client.create_run(
                id_,
                start_time=started,
                run_name=f"{version.group} v{version.version}",
                tags={_TAG: version.id},
            )
            parameters = [
                Param(key, str(value)[:_LONGEST]) for key, value in version.parameters.items()
            ]
            metrics = [
                Metric(name, float(value), started, 0)
                for name, value in version.metrics.items()
                if isinstance(value, int | float)
            ]
            metrics += [
                Metric(curve.name, point.value, int(point.time * 1000), point.step)
                for curve in curves
                for point in curve.points
            ]
            client.log_batch(run.info.run_id, params=parameters[:_BATCH])
            for start in range(0, len(metrics), _BATCH):
                client.log_batch(run.info.run_id, metrics=metrics[start : start + _BATCH])
            client.set_terminated(run.info.run_id)
        for name, value in _tags(version).items():
            client.set_tag(run.info.run_id, name, value)
        self._register(version, run.info.run_id)
        return fresh

    def _register(self, version: ModelVersionView, run_id: str) -> None:
        """The version under the model's name, with its aliases."""
        client = self._opened()
        if not client.search_registered_models(f"name = '{version.group}'"):
            client.create_registered_model(version.group)
        found = client.search_model_versions(f"name = '{version.group}' and run_id = '{run_id}'")
        made = found[0] if found else client.create_model_version(
            version.group, source=f"stoa-artefact:/{version.artefact_id}", run_id=run_id
        )  # fmt: skip
        for name, value in _tags(version).items():
            client.set_model_version_tag(version.group, made.version, name, value)
        for alias in version.aliases:
            client.set_registered_model_alias(version.group, alias, made.version)

    def _run_of(self, experiment: str, version: ModelVersionView) -> Any:
        found = self._opened().search_runs(
            [experiment], f"tags.`{_TAG}` = '{version.id}'", max_results=1
        )
        return found[0] if found else None

    def _opened(self) -> Any:
        if self._client is None:
            from mlflow.tracking import MlflowClient

            self._client = MlflowClient(tracking_uri=self._address, registry_uri=self._address)
        return self._client


def _tags(version: ModelVersionView) -> dict[str, str]:
    return {
        "stoa.version": str(version.version),
        "stoa.kind": version.kind,
        "stoa.status": version.status,
        "stoa.code_version": version.code_version,
        "stoa.digest": version.digest,
        "stoa.run_id": version.run_id or "",
    }
