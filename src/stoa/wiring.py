"""The one file that names names: which solutions there are, and how the core is put together.

A new solution is its folder and one line in `SOLUTIONS`.
"""

import importlib
from pathlib import Path

from stoa.base.database import Database
from stoa.base.files import Files
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.objects import Objects
from stoa.base.secrets import load_secret, private_folder
from stoa.base.settings import Settings
from stoa.contract import Platform, Solution
from stoa.core.events.events import Events
from stoa.core.flows.flows import Flows
from stoa.core.inference.inference import Inference
from stoa.core.inference.ray_serve import ray_serve_of
from stoa.core.jobs.jobs import Jobs
from stoa.core.knowledge.knowledge import Knowledge
from stoa.core.models.models import Models
from stoa.core.pipelines.pipelines import Pipelines
from stoa.core.registry.registry import Registry
from stoa.core.tables.opening import OpenDatabases
from stoa.dispatch import Dispatcher

SOLUTIONS = ("ask_docs", "ask_data", "answer_reviews", "recommend_products", "pretrain_llm")


def solutions() -> list[Solution]:
    """The declarations of all solutions, in the order they are shown."""
    return [solution(name) for name in SOLUTIONS]


def solution(name: str) -> Solution:
    """The declaration of one of them, without loading the others."""
    module = importlib.import_module(f"stoa.solutions.{name}.solution")
    declaration = module.SOLUTION
    if not isinstance(declaration, Solution):
        raise TypeError(f"stoa.solutions.{name}.solution.SOLUTION is not a Solution")
    return declaration


def migration_folders() -> list[Path]:
    """Every room and solution that owns tables keeps its migrations beside them."""
    source = Path(__file__).parent
    return sorted(folder for folder in source.glob("**/migrations") if folder.is_dir())


def build(settings: Settings) -> Dispatcher:
    """Put the core together from settings and hand it to the solutions. Starts nothing yet.

    Raises:
        SetupError: a setting names something that can't be used.
    """
    private_folder(settings.home)
    declared = solutions()  # before the database: their tables belong to it
    secret = load_secret(settings)
    database = Database(settings.resolved_database_url())
    database.migrate(migration_folders())
    objects = Objects(
        settings.resolved_objects_url(), secret=secret, public_url=settings.resolved_public_url()
    )
    audit = AuditLog(database)
    models = Models(settings, database, audit)
    events = Events(settings, database, audit, secret=secret)
    registry = Registry(settings, database, objects, audit, events=events)
    flows = Flows(settings, database, events=events)
    jobs = Jobs(settings, database, objects, registry, open_runs=flows.open_runs)
    platform = Platform(
        settings=settings,
        database=database,
        objects=objects,
        files=Files(database, objects, limit_bytes=settings.upload_limit_mb * 2**20),
        accounts=Accounts(database, audit, secret=secret),
        audit=audit,
        models=models,
        registry=registry,
        inference=Inference(
            database, registry, secret=secret, cluster=ray_serve_of(settings, secret)
        ),
        events=events,
        flows=flows,
        jobs=jobs,
        pipelines=Pipelines(database, flows, jobs, registry),
        knowledge=Knowledge(settings, database, objects, models),
        databases=OpenDatabases(),
    )
    return Dispatcher(platform, declared)
