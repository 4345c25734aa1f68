"""The declaration of recommend_products: everything the house needs to know, nothing else."""

from pathlib import Path

from stoa.base.identity.caller import EDITORS, REVIEWERS
from stoa.contract import Operation, Solution
from stoa.solutions.recommend_products.catalogue import add_products, products
from stoa.solutions.recommend_products.endpoints import deploy, end_test, endpoint, roll_back
from stoa.solutions.recommend_products.events import EVENTS
from stoa.solutions.recommend_products.interactions import add_interactions, datasets, user, users
from stoa.solutions.recommend_products.models import approve, lineage, models, reject
from stoa.solutions.recommend_products.page import page
from stoa.solutions.recommend_products.serving import click, rank, recommend, similar
from stoa.solutions.recommend_products.settings import settings, settings_set
from stoa.solutions.recommend_products.shops import shops

SOLUTION = Solution(
    name="recommend_products",
    title="Recommend",
    summary="Personal recommendations: trained, judged, approved, deployed and served by a pipeline.",
    folder=Path(__file__).parent,
    icon="recommend",
    operations=(
        Operation(rank),
        Operation(recommend),
        Operation(similar),
        Operation(click),
        Operation(add_interactions, roles=EDITORS, durable=True),
        Operation(add_products, roles=EDITORS, durable=True),
        Operation(datasets),
        Operation(products),
        Operation(users),
        Operation(user),
        Operation(shops),
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
    page=page,
)
