"""The words of pretrain_llm: recipes, runs and their curves, plans, simulations, evaluations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from stoa.contract import FileField, FileId, Request, Result

SHARDS = (".txt", ".md", ".jsonl", ".json", ".parquet", ".gz", ".zst", ".bz2", ".lz4", ".br")
Shard = Annotated[FileId, FileField(accept=SHARDS)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Changes = Annotated[list[str], Field(max_length=100)]
Kind = Literal["a100", "h100", "h200", "trainium1", "laptop", "this_machine"]


# Recipes and data


class Recipes(Request):
    """Which recipes there are."""


class RecipeView(BaseModel):
    """One recipe."""

    name: str
    about: str
    """The comment at its head."""
    parameters: int
    """Of the model; a vocabulary that is learnt from the text is counted as its greatest size."""
    steps: int
    tokens: int
    """That it learns from."""
    toml: str
    """The whole of it, defaults too."""


class RecipeList(Result):
    """All recipes by name."""

    recipes: list[RecipeView]


class AddData(Request):
    """Shards of text to keep as one dataset."""

    name: Name
    files: list[Shard] = Field(min_length=1, max_length=1000, description="Text, JSONL or Parquet.")
    column: str = Field("text", max_length=200, description="Field of JSONL or Parquet.")
    split: Literal["file", "line", "paragraph"] = Field(
        "file", description="What one document is in a file of text."
    )
    corrupt: Literal["refuse", "skip"] = Field(
        "refuse", description="What happens to a shard or line that can't be read."
    )


class DatasetView(Result):
    """A dataset: all its shards merged into one memory-mapped Arrow file."""

    id: str
    name: str
    version: int
    documents: int
    text_bytes: int
    skipped: int
    skipped_places: list[str]


class Datasets(Request):
    """Which datasets there are."""

    limit: int = Field(50, ge=1, le=200)


class DatasetList(Result):
    """Datasets, newest first."""

    datasets: list[DatasetView]


# Training


class Train(Request):
    """What to train: a recipe, what to change in it, and on which text."""

    recipe: str = Field("sample", min_length=1, max_length=80, description="Name of a recipe.")
    toml: str = Field("", max_length=100_000, description="A whole recipe as TOML, instead.")
    recipe_file: Annotated[FileId, FileField(accept=(".toml",))] | None = Field(
        None, description="The same as a file."
    )
    change: Changes = Field(
        default_factory=list, description="Dotted names and values, such as schedule.steps=500."
    )
    data: list[Shard] = Field(
        default_factory=list, max_length=1000, description="Files of text to learn from."
    )
    dataset: str = Field("", max_length=80, description="Or a dataset that was added before.")
    title: str = Field("", max_length=120, description="How the run is called; the recipe's name.")


class Resume(Request):
    """A run that was stopped or failed, to go on from its last whole checkpoint."""

    job: str = Field(min_length=1, max_length=80)
    change: Changes = Field(default_factory=list, description="As in train.")


class Stop(Request):
    """A run at work, to be stopped."""

    job: str = Field(min_length=1, max_length=80)


class Stopped(Result):
    """A run that was asked to save and to end."""

    job: str
    state: str


class Trained(Result):
    """A finished run."""

    job: str
    title: str
    recipe: str
    steps: int
    loss: float | None
    """Training loss of the last logged step, nats a token."""
    validation_loss: float | None
    metrics: dict[str, Any]
    """What the process said at its end and does not differ from run to run."""
    seconds: float


class ImportRun(Request):
    """The files of a run folder that was trained elsewhere."""

    files: list[Annotated[FileId, FileField(accept=(".json", ".jsonl", ".txt"))]] = Field(
        min_length=2, max_length=10
    )
    title: str = Field("", max_length=120, description="How it is called; the recipe's name.")


class Imported(Result):
    """A run that is shown beside the others."""

    job: str
    title: str


class Runs(Request):
    """Which runs there are."""

    limit: int = Field(50, ge=1, le=200)


class RunRow(BaseModel):
    """A run in a line."""

    job: str
    title: str
    recipe: str
    state: str
    recorded: bool
    """It came with the sample: trained elsewhere, shown here."""
    step: int
    steps: int
    message: str
    loss: float | None
    validation_loss: float | None
    tokens_per_second: float | None
    mfu: float | None
    goodput: float | None
    created_at: datetime
    ended_at: datetime | None


class RunList(Result):
    """Runs, newest first."""

    runs: list[RunRow]


class ShowRun(Request):
    """One run."""

    job: str = Field(min_length=1, max_length=80)
    curves: list[str] = Field(
        default_factory=list, max_length=40, description="Metrics to show over steps; none: all."
    )


class Curve(BaseModel):
    """One metric over steps."""

    name: str
    points: list[tuple[int, float]]


class Spike(BaseModel):
    """A step whose gradient norm stood out of the mean before it by more than the margin."""

    step: int
    norm: float
    mean: float
    steps: int
    """How many steps it lasted."""


class RunView(Result):
    """One run: where it stands, its curves, what stood out, and where its time went."""

    run: RunRow
    curves: list[Curve]
    spikes: list[Spike]
    one_step_spikes: float | None
    """Share of the spikes that lasted one step."""
    alarms: list[str]
    mfu_attention: float | None
    """Share of the peak with attention's FLOP counted; `run.mfu` leaves them out."""
    ledger: dict[str, float]
    """Seconds by what they went into."""
    failures: int
    parameters: int | None
    log: str
    """The end of it."""
    error: str
    toml: str


class Compare(Request):
    """Some runs beside each other."""

    jobs: list[str] = Field(min_length=2, max_length=6)
    metric: str = Field("loss", max_length=80)
    over: Literal["step", "tokens", "seconds"] = "step"


class Compared(Result):
    """The curve of each, and how their recipes differ."""

    runs: list[RunRow]
    curves: list[Curve]
    differences: dict[str, list[str]]
    """Dotted names of a recipe whose values differ, with the value of each run."""


# What becomes of a run


class Export(Request):
    """A finished run's model, for the registry."""

    job: str = Field(min_length=1, max_length=80)
    model: Name = Field(description="Name of the model in the registry.")


class Exported(Result):
    """A version of a model, with the files that Hugging Face's transformers read."""

    id: str
    model: str
    version: int
    status: str
    files: list[str]
    size: int


class Evaluate(Request):
    """Checkpoints of a run, judged by tasks that need no network."""

    job: str = Field(min_length=1, max_length=80)
    tasks: list[str] = Field(
        default_factory=list, max_length=20, description="Names of tasks; none: all of ours."
    )
    checkpoints: int = Field(
        3, ge=1, le=50, description="How many, spread evenly; the last is always one."
    )
    examples: int | None = Field(None, ge=1, le=10_000, description="At most so many a task.")


class Score(BaseModel):
    """One task on one checkpoint."""

    task: str
    metric: str
    value: float
    error: float | None
    """Standard error, as the harness gives it."""
    chance: float | None
    """What guessing reaches."""


class Judged(BaseModel):
    """One checkpoint."""

    step: int
    tokens: int
    scores: list[Score]


class Evaluation(Result):
    """Scores over tokens, the last checkpoint last."""

    job: str
    checkpoints: list[Judged]
    harness: str
    """Name and version of what judged."""


# Before a run


class Plan(Request):
    """A model and a cluster."""

    model: str = Field("llama2-7b", max_length=80, description="A shape's name, or a recipe's.")
    cluster: Kind = "a100"
    nodes: int = Field(1, ge=1, le=8192)
    batch: int = Field(1024, ge=1, le=1_000_000, description="Sequences a step.")
    sequence: int | None = Field(
        None, ge=1, le=1_048_576, description="Tokens of one; the model's."
    )
    precision: Literal["mixed", "bfloat16", "float32"] = "mixed"
    pipelines: bool = Field(
        True, description="Also layouts with pipeline stages, which our own engine does not run."
    )
    show: int = Field(10, ge=1, le=50)
    tensor: int | None = Field(None, ge=1, le=1024, description="With it: one layout of one's own.")
    pipeline: int = Field(1, ge=1, le=1024)
    micro_batch: int = Field(1, ge=1, le=1024)
    interleave: int = Field(1, ge=1, le=64)
    sequence_parallel: bool = False
    recompute: Literal["none", "selective", "full"] = "selective"
    sharding: Literal["none", "optimiser", "full"] = "optimiser"


class LayoutView(BaseModel):
    """A layout, what a device holds, and where a step's time goes."""

    layout: str
    tensor: int
    pipeline: int
    data: int
    sequence_parallel: bool
    micro_batch: int
    accumulation: int
    interleave: int
    recompute: str
    sharding: str
    runs_here: bool
    """Whether our engine runs it."""
    memory_gb: dict[str, float]
    memory_total_gb: float
    step_seconds: dict[str, float]
    step_total_seconds: float
    tokens_per_second: float
    mfu: float
    mfu_attention: float
    days_per_trillion_tokens: float


class Planned(Result):
    """Layouts, the fastest first, and why."""

    model: str
    parameters: int
    cluster: str
    devices: int
    usable_gb: float
    """Of a device's memory."""
    looked_at: int
    too_large: int
    layouts: list[LayoutView]
    reasons: list[str]
    problems: list[str]
    """Why the layout that was asked for can't be."""
    assumptions: list[str]


class Simulate(Request):
    """What happens to a run: how often something fails, and what is done about it."""

    scenario: Literal["", "by_hand", "automatic", "beyond", "sixteen_thousand"] = Field(
        "", description="A named one, instead of the numbers below."
    )
    mtbf_hours: float = Field(3.09, gt=0, le=1e6, description="Between failures of the whole run.")
    checkpoint_seconds: float = Field(10, ge=0, le=1e5, description="That training stands still.")
    write_seconds: float = Field(0, ge=0, le=1e5, description="Written behind it, until it counts.")
    interval_minutes: float | None = Field(
        None, gt=0, le=1e5, description="Between checkpoints; none: the best one is found."
    )
    restart_seconds: float = Field(600, ge=0, le=1e6)
    detection_seconds: float = Field(0, ge=0, le=1e6)
    replacement_seconds: float = Field(0, ge=0, le=1e7, description="Where no spare is left.")
    spares: int = Field(0, ge=0, le=1000)
    repair_hours: float = Field(24, gt=0, le=1e5)
    node_share: float = Field(1.0, ge=0, le=1, description="Of the failures, those of a node.")
    days: float = Field(60, gt=0, le=1000, description="Of training in a run.")
    runs: int = Field(40, ge=2, le=500)
    seed: int = Field(0, ge=0)


class AtInterval(BaseModel):
    """Goodput at one interval between checkpoints."""

    interval_minutes: float
    goodput: float
    low: float
    high: float
    formula: float


class Simulated(Result):
    """How much of the time becomes training."""

    about: str
    goodput: float
    low: float
    high: float
    """95 % confidence interval."""
    interval_minutes: float
    daly_minutes: float
    daly_goodput: float
    failures: float
    """A run, on average."""
    shares: dict[str, float]
    curve: list[AtInterval]
