"""The words of recommend_products: what its operations take and what they give back."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from stoa.contract import FileField, FileId, Request, Result
from stoa.solutions.recommend_products.names import FIRST_SHOP

MOST_CANDIDATES = 10_000
MOST_WANTED = 1_000
TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".zip")
TableFile = Annotated[FileId, FileField(accept=TABLES)]
Id = Annotated[str, StringConstraints(max_length=40)]
Shop = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Outside = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""Your own id of a user or an item."""
Column = Annotated[str, StringConstraints(max_length=200)]
Share = Annotated[float, Field(ge=0, le=1)]


class Model(StrEnum):
    """A kind of model that the pipeline can train."""

    POPULARITY = "popularity"
    ITEM_KNN = "item_knn"
    EASE = "ease"
    IALS = "ials"
    GMF = "gmf"
    MLP = "mlp"
    NEUMF = "neumf"
    BLEND = "blend"


# --- data ------------------------------------------------------------------------------------


class AddInteractions(Request):
    """A file of interactions: who had what, and when."""

    file: TableFile = Field(description="CSV, Parquet, ratings.dat, or a zip of one of them.")
    shop: Shop = Field(FIRST_SHOP, description="Whose interactions; a shop has its own models.")
    replace: bool = Field(
        False, description="The file is all there is. Else its rows are added to those before."
    )
    user_column: Column = Field("", description="Empty: found by its name.")
    item_column: Column = Field("", description="Empty: found by its name.")
    time_column: Column = Field("", description="Unix time or ISO 8601. Empty: found by its name.")
    value_column: Column = Field("", description="A rating or a count, where there is one.")
    partition: str = Field(
        "", max_length=80, description="Such as 2025-08-31. Empty: the time of arrival."
    )
    train: bool = Field(True, description="Tell of it, which starts the pipeline.")
    code_version: str = Field(
        "", max_length=80, description="The commit that asks, as CI knows it."
    )


class DatasetView(Result):
    """One version of a shop's interactions: the rows that one file brought."""

    id: str
    shop: str
    version: int
    replaces: bool
    """Versions before it count no more."""
    partition: str
    path: str
    digest: str
    """SHA-256 of its content: the same content is the same version."""
    rows: int
    users: int
    items: int
    repeated: int
    """Rows that say the same of a user and an item as a later one does; the latest counts."""
    left_out: int
    """Rows of the file without a user, an item or a readable time."""
    first: datetime
    last: datetime
    code_version: str
    added_at: datetime


class ListDatasets(Request):
    """Which versions to list, newest first."""

    shop: Shop = FIRST_SHOP
    limit: int = Field(50, ge=1, le=500)


class Datasets(Result):
    """The versions of a shop's interactions."""

    datasets: list[DatasetView]


class AddProducts(Request):
    """A file of products: CSV with a heading, Parquet, movies.dat, or a zip of one of them."""

    file: TableFile
    shop: Shop = FIRST_SHOP
    item_column: Column = Field("", description="Your id of the item. Empty: found by its name.")
    title_column: Column = ""
    picture_column: Column = Field("", description="A data: URL or an https:// address.")


class ProductsAdded(Result):
    """What became of a file of products."""

    added: int
    changed: int
    total: int


class Product(Result):
    """One thing that can be recommended."""

    item: str
    title: str
    picture: str
    """A `data:` URL or an `https://` address; empty where there is none."""
    attributes: dict[str, str]


class ListProducts(Request):
    """Which products to list."""

    shop: Shop = FIRST_SHOP
    items: list[Outside] = Field([], max_length=1_000, description="Just these, in this order.")
    text: str = Field("", max_length=200, description="Words in the title or the id.")
    limit: int = Field(50, ge=1, le=1_000)
    offset: int = Field(0, ge=0, le=10_000_000)


class Products(Result):
    """A page of the catalogue."""

    products: list[Product]
    total: int


class ListShops(Request):
    """All shops of the workspace."""


class ShopView(Result):
    """A shop: one set of interactions, products, models and settings."""

    name: str
    products: int
    datasets: int
    models: int


class Shops(Result):
    """The shops of the workspace, by name."""

    shops: list[ShopView]


# --- the pipeline ----------------------------------------------------------------------------


class RunPipeline(Request):
    """Prepare, train, judge, and deploy what is better. Everything has a default: the newest data."""

    shop: Shop = FIRST_SHOP
    data: TableFile | None = Field(
        None, description="Interactions to add first, as `add_interactions` does."
    )
    dataset: Id = Field("", description="Id of a version of the interactions. Empty: the newest.")
    version: int | None = Field(None, ge=1, description="Filled in by the event.")
    path: str = Field("", max_length=1_000, description="Filled in by the event.")
    partition: str = Field("", max_length=80, description="Filled in by the event.")
    code_version: str = Field(
        "", max_length=80, description="The commit that asks, as CI knows it."
    )
    models: list[Model] = Field([], max_length=8, description="Empty: as the settings say.")


class Outcome(StrEnum):
    """How a run of the pipeline ended."""

    RUNNING = "running"
    WAITING = "waiting"
    """For a person who approves."""
    DEPLOYED = "deployed"
    KEPT_OUT = "kept_out"
    """It is not better than what serves, or one of the checks failed."""
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    """It did not answer as it must, and what served before serves again."""
    FAILED = "failed"
    CANCELLED = "cancelled"


class Check(Result):
    """One thing that a model must pass before it may serve."""

    name: str
    passed: bool
    why: str


class Candidate(Result):
    """One model that a run trained, or tried to."""

    model: Model
    job: str
    state: str
    metrics: dict[str, float]
    seconds: float
    chosen: bool
    problem: str
    """Why it could not be trained or judged; empty where it was."""


class StepPart(Result):
    """One of several that a step goes over, such as one model that is trained."""

    title: str
    state: str
    message: str
    done: int
    total: int
    seconds: float | None
    cached: bool
    job: str


class StepView(StepPart):
    """One step of a run of the pipeline.

    `state` is `pending`, `running`, `waiting` (for a person), `done`, `skipped`, `failed` or `cancelled`;
    `cached` says that an earlier run came to it with the same data, parameters and code.
    """

    name: str
    after: list[str]
    """Names of the steps that it waits for."""
    parts: list[StepPart]


class PipelineRun(Result):
    """One run of the pipeline, as far as it is."""

    id: str
    run: str
    """The durable run that works on it; empty where it was worked on without one."""
    shop: str
    outcome: Outcome
    reason: str
    """Why it ended so, in words."""
    trigger: str
    """What started it, in words."""
    dataset: str
    version: int
    partition: str
    code_version: str
    steps: list[StepView]
    candidates: list[Candidate]
    champion: dict[str, float]
    """The metrics, on the same held-out data, of the model that served; empty where there was none."""
    checks: list[Check]
    model: str
    """Id of the model version that it registered; empty where it did not."""
    approval: str
    """Id of the question to a person, while it waits for one."""
    started_at: datetime
    seconds: float


class PipelineRuns(Result):
    """Runs of the pipeline, newest first."""

    runs: list[PipelineRun]


class PipelineRequest(Request):
    """One run of the pipeline."""

    run: Id = Field(description="Id of the run.")


class RetryStep(Request):
    """A failed step to be done again; what was finished before it is not."""

    run: Id = Field(description="Id of the run.")
    step: str = Field(
        "", max_length=80, description="Name of the step. Empty: the one that failed."
    )


class ListRuns(Request):
    """Which runs of the pipeline to list, newest first."""

    shop: Shop = FIRST_SHOP
    limit: int = Field(20, ge=1, le=200)


# --- models ----------------------------------------------------------------------------------


class ListModels(Request):
    """Which model versions to list, newest first."""

    shop: Shop = FIRST_SHOP
    limit: int = Field(50, ge=1, le=500)


class ModelView(Result):
    """One registered model."""

    id: str
    shop: str
    version: int
    model: str
    metrics: dict[str, float]
    parameters: dict[str, Any]
    approval: Literal["pending", "approved", "rejected"]
    reason: str
    decided_by: str
    aliases: list[str]
    """`champion` or `challenger`, where it serves."""
    digest: str
    code_version: str
    dataset: str
    """Which version of the interactions it was trained on, in words."""
    run: str
    created_at: datetime


class ModelViews(Result):
    """Model versions of a shop, newest first."""

    models: list[ModelView]


class ModelRequest(Request):
    """One model version."""

    model: Id = Field(description="Id of the model version.")


class Node(Result):
    """Something in the lineage: a data set, a run, a job, files, a model, an endpoint."""

    id: str
    kind: str
    """`dataset`, `run`, `job`, `artefact`, `model`, `endpoint` or `other`."""
    name: str
    state: str = ""
    """Of what has one: a run, a job, an endpoint; of a model whether it is approved."""
    run: str = ""
    """The run that made it, where one did."""


class Arrow(Result):
    """`target` was made of `source`."""

    source: str
    target: str
    role: str


class LineageView(Result):
    """All that a model came from, and all that came of it."""

    nodes: list[Node]
    arrows: list[Arrow]


class Compare(Request):
    """Whose training runs to lay side by side."""

    shop: Shop = FIRST_SHOP
    runs: list[Id] = Field(
        [], max_length=20, description="Runs of the pipeline. Empty: the newest."
    )
    limit: int = Field(3, ge=1, le=20, description="How many of the newest.")


class Curve(Result):
    """What one model measured while it was trained."""

    run: str
    model: Model
    job: str
    version: int
    """Of the interactions it was trained on."""
    state: str
    chosen: bool
    metrics: dict[str, float]
    """At the end, on what was held out."""
    parameters: dict[str, Any]
    seconds: float
    steps: list[int]
    values: dict[str, list[float | None]]
    """By name, one value per step."""


class Comparison(Result):
    """Training runs side by side."""

    curves: list[Curve]


class DecideModel(Request):
    """Whether a registered model may serve."""

    model: Id = Field(description="Id of the model version.")
    reason: str = Field("", max_length=500)


class RollBack(Request):
    """Which shop goes back to the model that served before."""

    shop: Shop = FIRST_SHOP
    reason: str = Field("", max_length=500)


class Settings(Request):
    """How a shop's models are made and judged. What is left out becomes the default."""

    shop: Shop = FIRST_SHOP
    models: list[Model] = Field(
        [Model.POPULARITY, Model.ITEM_KNN, Model.EASE, Model.IALS, Model.NEUMF],
        min_length=1,
        max_length=8,
        description="What the pipeline trains, side by side.",
    )
    metric: Literal["ndcg", "hr"] = Field(
        "ndcg", description="What decides: NDCG@10 or HR@10 of one held-out item among 99 others."
    )
    margin: float = Field(
        0.0, ge=-1, le=1, description="So much better than the champion a new model must be."
    )
    least_coverage: Share = Field(
        0.01, description="Share of the catalogue that its first tens together must show."
    )
    most_megabytes: int = Field(2_000, ge=1, le=1_000_000, description="Largest model to serve.")
    approval: bool = Field(False, description="A person approves before it is deployed.")
    approval_hours: int = Field(72, ge=1, le=2160, description="How long a person has.")
    challenger_share: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Above 0: a better model first answers this share of the users, beside the champion.",
    )
    schedule: str = Field(
        "", max_length=60, description="Five cron fields, UTC: train by the clock, too. Empty: not."
    )
    parameters: dict[Model, dict[str, Any]] = Field(
        {}, description="Hyperparameters of a model, other than the defaults."
    )
    replicas: int = Field(1, ge=1, le=16, description="Processes that serve, at least.")
    most_replicas: int = Field(
        4,
        ge=1,
        le=64,
        description="Processes that serve, at most; more than the least come with load.",
    )

    @field_validator("models")
    @classmethod
    def _once(cls, models: list[Model]) -> list[Model]:
        return list(dict.fromkeys(models))


class SettingsRequest(Request):
    """Whose settings."""

    shop: Shop = FIRST_SHOP


class SettingsView(Result):
    """How a shop's models are made and judged."""

    settings: Settings


# --- serving ---------------------------------------------------------------------------------


class Rank(Request):
    """Candidates to be ordered for a user."""

    user: Outside = Field(
        description="Your id of the user. Somebody new is served as well as can be."
    )
    items: list[Outside] = Field(
        max_length=MOST_CANDIDATES, description="Your ids of the candidates."
    )
    shop: Shop = FIRST_SHOP
    history: list[Outside] = Field(
        [], max_length=1_000, description="What the user had since, or what somebody new had."
    )


class Ranking(Result):
    """The items, the likeliest first, and who ordered them."""

    items: list[str]
    scores: list[float | None]
    """One for each item; scores compare within one answer only. None for unknown items."""
    unknown: list[str]
    """Candidates that the model knows nothing of; they stand last."""
    known_user: bool
    """False: answered by the history given, or by what most people had."""
    model: str
    """Id of the model version that answered."""
    arm: str
    """`champion` or `challenger`."""
    ticket: str
    """Give it to `click` when the user takes one of them."""


class Recommend(Request):
    """What to offer a user out of the whole catalogue."""

    user: Outside = Field(
        description="Your id of the user. Somebody new is served as well as can be."
    )
    shop: Shop = FIRST_SHOP
    limit: int = Field(10, ge=1, le=MOST_WANTED)
    with_seen: bool = Field(False, description="Also what the user has had.")
    exclude: list[Outside] = Field([], max_length=MOST_CANDIDATES, description="Never these.")
    where: dict[str, str] = Field(
        {},
        max_length=8,
        description="Only products with these attributes, such as category=Garden.",
    )
    history: list[Outside] = Field(
        [], max_length=1_000, description="What the user had since, or what somebody new had."
    )


class Recommendation(Result):
    """What to offer, best first."""

    items: list[str]
    scores: list[float]
    known_user: bool
    model: str
    arm: str
    ticket: str
    """Give it to `click` when the user takes one of them."""


class Similar(Request):
    """What goes with an item."""

    item: Outside
    shop: Shop = FIRST_SHOP
    limit: int = Field(10, ge=1, le=MOST_WANTED)


class SimilarItems(Result):
    """Items like one, most alike first."""

    items: list[str]
    scores: list[float]
    model: str


class Click(Request):
    """That a user took one of the things offered."""

    ticket: str = Field(min_length=1, max_length=500, description="Of the answer.")


class Clicked(Result):
    """Whether it counts: a ticket counts once."""

    counted: bool


class UserRequest(Request):
    """One user of a shop."""

    user: Outside
    shop: Shop = FIRST_SHOP
    limit: int = Field(50, ge=1, le=1_000, description="The newest of the history.")


class Had(Result):
    """One thing a user had."""

    item: str
    title: str
    at: datetime


class UserView(Result):
    """A user as the newest interactions know them."""

    user: str
    interactions: int
    history: list[Had]
    """Newest first."""


class ListUsers(Request):
    """Some users, to try."""

    shop: Shop = FIRST_SHOP
    text: str = Field("", max_length=200, description="The beginning of the id.")
    limit: int = Field(20, ge=1, le=200)


class Users(Result):
    """Users of the newest interactions."""

    users: list[str]
    total: int


class EndpointRequest(Request):
    """Whose endpoint."""

    shop: Shop = FIRST_SHOP


class Arm(Result):
    """One model of an endpoint, and what people did with its answers."""

    arm: str
    model: str
    version: int
    name: str
    share: float
    replicas: int
    shown: int
    clicked: int
    rate: float | None
    low: float | None
    high: float | None
    """`low` to `high`: the 95 % confidence interval of the click rate."""


class EndpointView(Result):
    """What serves a shop, how it does, and how champion and challenger compare."""

    shop: str
    name: str
    state: str
    problem: str
    arms: list[Arm]
    least_replicas: int
    most_replicas: int
    requests_per_second: float
    errors_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    difference: float | None
    """Click rate of the challenger minus the champion's."""
    difference_low: float | None
    difference_high: float | None
    verdict: str
    earlier: list[str]
    """Ids of the models that served before, newest first."""


class EndTest(Request):
    """How the test of champion against challenger ends."""

    shop: Shop = FIRST_SHOP
    winner: Literal["champion", "challenger"]
