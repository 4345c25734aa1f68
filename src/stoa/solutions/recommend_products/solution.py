"""The declaration of recommend_products: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import Operation, Solution
from stoa.solutions.recommend_products.catalogue import add_products, products
from stoa.solutions.recommend_products.endpoints import deploy, end_test, endpoint, roll_back
from stoa.solutions.recommend_products.events import EVENTS, INTERACTIONS_ADDED
from stoa.solutions.recommend_products.flow import run_pipeline
from stoa.solutions.recommend_products.interactions import add_interactions, datasets, user, users
from stoa.solutions.recommend_products.models import approve, lineage, models, reject
from stoa.solutions.recommend_products.page import page
from stoa.solutions.recommend_products.retrying import retry_step
from stoa.solutions.recommend_products.runs import compare, pipelines, show_pipeline
from stoa.solutions.recommend_products.serving import click, rank, recommend, similar
from stoa.solutions.recommend_products.settings import settings, settings_set
from stoa.solutions.recommend_products.shops import shops
from stoa.solutions.recommend_products.welcome import fill

SOLUTION = Solution(
    name="recommend_products",
    title="Recommend",
    summary="Personal recommendations: trained, judged, approved, deployed and served by a pipeline.",
    folder=Path(__file__).parent,
    icon="recommend",
    operations=(
        Operation(rank, hot=True),
        Operation(recommend, hot=True),
        Operation(similar, hot=True),
        Operation(click, hot=True),
        Operation(add_interactions, roles=EDITORS, durable=True),
        Operation(add_products, roles=EDITORS, durable=True),
        Operation(datasets),
        Operation(products),
        Operation(users),
        Operation(user),
        Operation(shops),
        Operation(run_pipeline, roles=EDITORS, durable=True),
        Operation(pipelines),
        Operation(show_pipeline),
        Operation(retry_step, roles=EDITORS),
        Operation(compare),
        Operation(models),
        Operation(lineage),
        Operation(approve, roles=REVIEWERS),
        Operation(reject, roles=REVIEWERS),
        Operation(deploy, roles=EDITORS),
        Operation(roll_back, roles=EDITORS),
        Operation(endpoint),
        Operation(end_test, roles=EDITORS),
        Operation(settings),
        Operation(settings_set, roles=EDITORS),
    ),
    events=EVENTS,
    reacts={INTERACTIONS_ADDED: "run_pipeline"},
    page=page,
    sample=fill,
)
