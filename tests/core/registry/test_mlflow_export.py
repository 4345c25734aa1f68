"""Models in MLflow, in a store of its own: runs, metrics, curves, versions, aliases; twice is once."""

from pathlib import Path

import pytest

from stoa.base.errors import InvalidInput
from stoa.base.identity.caller import Caller
from stoa.core.jobs.job import Curve, Point
from stoa.core.registry.mlflow_export import MlflowExport
from stoa.core.registry.registry import Registry
from stoa.core.registry.tables import Approval
from stoa.core.registry.versions import NewVersion
from tests.conftest import lacking
from tests.core.registry.conftest import folder_of


async def curves(job_id: str) -> list[Curve]:
    return [Curve(name="loss", points=[Point(step=n, time=n, value=1 / n) for n in (1, 2, 3)])]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # of MLflow's own tables
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow")
async def test_export(registry: Registry, tmp_path: Path, alice: Caller) -> None:
    try:
        import mlflow.tracking  # noqa: PLC0415 - optional part
    except ImportError:
        lacking("mlflow-skinny (pip install stoa[mlflow])")
    artefact = await registry.artefacts.add(alice, folder_of(tmp_path / "m", a="1"))
    new = NewVersion(
        kind="ease",
        metrics={"HR": 0.72, "note": "text"},
        parameters={"l2": 100},
        job_id="job_1",
        status=Approval.APPROVED,
    )
    made = await registry.versions.register(alice, "ranker", artefact, new)
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    export = MlflowExport(address)
    assert (await export.export(registry, alice, "ranker", curves)).versions == 1
    await registry.aliases.move(alice, "ranker", {"champion": made.id})
    again = await export.export(registry, alice, "ranker", curves)
    assert (again.versions, again.known) == (0, 1)

    client = mlflow.tracking.MlflowClient(tracking_uri=address, registry_uri=address)
    experiment = client.get_experiment_by_name("ranker")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 1
    assert runs[0].data.metrics["HR"] == 0.72
    assert runs[0].data.params == {"l2": "100"}
    assert runs[0].data.tags["stoa.version_id"] == made.id
    history = client.get_metric_history(runs[0].info.run_id, "loss")
    assert [point.step for point in history] == [1, 2, 3]
    champion = client.get_model_version_by_alias("ranker", "champion")
    assert champion.run_id == runs[0].info.run_id


def test_addresses() -> None:
    for address in ("ftp://host", "mlruns", "file:///tmp/mlruns"):
        with pytest.raises(InvalidInput):
            MlflowExport(address)
