"""The recipe: everything that decides a training run, typed, in one place.

A run is one whole recipe. It is read from TOML or from the `recipe.json` of a run folder, printed with every
default and stored beside what it made, so that nothing about a run has to be remembered. The planner, the
pages and the training processes all read this file, so it imports no torch; what the numbers mean for a
number of processes is worked out in `layout.py`.

Mixture-of-experts models will get a section of their own beside `[model]`; nothing here assumes a dense one
but the names of `ModelRecipe`.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stoa.base.errors import InvalidInput, NotFound

SHIPPED: Final = Path(__file__).parent / "recipes"


class Section(BaseModel):
    """A part of a recipe: frozen, and no word in it that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRecipe(Section):
    """A decoder of the Llama type: RMSNorm, rotary positions, grouped queries, gated MLP."""

    layers: int = Field(default=4, ge=1)
    hidden: int = Field(default=128, ge=1, description="Width of the residual stream.")
    intermediate: int | None = Field(
        default=None, ge=1, description="Width of the gated MLP; none: 8/3 of hidden, to full 16s."
    )
    heads: int = Field(default=4, ge=1)
    kv_heads: int | None = Field(default=None, ge=1, description="None: as many as heads.")
    vocabulary: int | None = Field(
        default=None, ge=2, description="None: what the tokenizer has, to full multiples below."
    )
    vocabulary_multiple: int = Field(default=1, ge=1, description="Padded up to a multiple of it.")
    rope_theta: float = Field(default=10_000.0, gt=0)
    norm_eps: float = Field(default=1e-5, gt=0)
    tie_embeddings: bool = False
    initializer_range: float = Field(default=0.02, gt=0)
    scaled_init: bool = Field(
        default=True, description="Output projections start at initializer_range / sqrt(2 layers)."
    )
    start_from: str | None = Field(
        default=None, description="A Hugging Face folder of LlamaForCausalLM to start from."
    )

    @property
    def key_value_heads(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def mlp(self) -> int:
        """Width of the MLP."""
        return self.intermediate or -(-8 * self.hidden // 3 // 16) * 16


class Source(Section):
    """Text to learn from: a file, a folder or a glob of text, JSONL or Parquet, compressed or not."""

    path: str = Field(min_length=1)
    weight: float = Field(
        default=1.0, gt=0, description="Share of the tokens, beside other sources."
    )
    column: str = Field(
        default="text", description="Field of JSONL or Parquet that holds the text."
    )
    split: Literal["file", "line", "paragraph"] = Field(
        default="file", description="What one document is in a file of text."
    )


class TokenizerRecipe(Section):
    """How text becomes numbers. `characters` and `bpe` are learnt from the sources before the start."""

    kind: Literal["characters", "bpe", "file"] = "characters"
    path: str | None = Field(
        default=None, description="kind = file: a tokenizer.json, or its folder."
    )
    vocabulary: int = Field(
        default=8_192, ge=2, description="kind = bpe: how many tokens to learn."
    )

    @model_validator(mode="after")
    def _path_where_needed(self) -> Self:
        if (self.kind == "file") != (self.path is not None):
            raise ValueError("tokenizer.path belongs to kind = 'file', and only to it")
        return self


class DataRecipe(Section):
    """Where tokens come from, and how they are cut into sequences."""

    sources: tuple[Source, ...] = Field(min_length=1)
    validation: tuple[Source, ...] = Field(
        default=(), description="None: the share below is held out."
    )
    validation_share: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="The last part of every source, where no files are given.",
    )
    tokenizer: TokenizerRecipe = TokenizerRecipe()
    sequence: int = Field(default=64, ge=2, description="Tokens a sequence.")
    sampling: Literal["packed", "windows"] = Field(
        default="packed",
        description="packed: every token once an epoch, by document. windows: cut from the whole text, each "
        "once an epoch, at other places in each.",
    )
    document_mask: bool = Field(
        default=False,
        description="Tokens see their own document only, where several share a sequence.",
    )
    shuffle: bool = True
    end_of_text: str | None = Field(
        default=None, description="Token behind each document; none: found by its usual names."
    )
    corrupt: Literal["refuse", "skip"] = Field(
        default="refuse", description="What happens to a file or line that cannot be read."
    )
    piece_bytes: int = Field(
        default=65_536, ge=64, le=2**24, description="Longer documents are kept in pieces."
    )
    folder: str | None = Field(
        default=None, description="Where merged text and tokens are kept; none: the run folder."
    )
    workers: int = Field(default=1, ge=0, description="Background threads that tokenise ahead.")
    prefetch: int = Field(
        default=8, ge=1, description="Batches kept ready; the workers wait beyond it."
    )

    @model_validator(mode="after")
    def _mask_where_documents_are_known(self) -> Self:
        if self.document_mask and self.sampling == "windows":
            raise ValueError("document_mask needs sampling = 'packed': windows know no documents")
        return self


class BatchRecipe(Section):
    """How much goes into one step of the optimiser, whatever the number of devices."""

    sequences: int = Field(default=12, ge=1, description="Sequences a step, over all devices.")
    accumulation: int = Field(
        default=1, ge=1, description="Micro-batches a device works through a step."
    )


class LayoutRecipe(Section):
    """How the model lies over the processes: replicate × shard × tensor of them."""

    tensor: int = Field(default=1, ge=1, description="Devices that share every matrix.")
    shard: int | None = Field(
        default=None,
        ge=1,
        description="Devices that weights are sharded over (FSDP); none: all the rest.",
    )
    replicate: int = Field(default=1, ge=1, description="Copies of the sharded model (HSDP).")
    sequence_parallel: bool = Field(
        default=False,
        description="Norms and residuals are cut along the sequence too, over `tensor`.",
    )


class OptimiserRecipe(Section):
    """AdamW with decay on all parameters."""

    rate: float = Field(default=3e-4, gt=0)
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    eps: float = Field(default=1e-5, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, ge=0, description="Largest norm of the gradient; 0: any.")


class ScheduleRecipe(Section):
    """The learning rate over steps: up linearly, down along a cosine, then level at the floor."""

    steps: int = Field(default=2_000, ge=1)
    warmup: int = Field(default=100, ge=0)
    decay: int | None = Field(
        default=None, ge=1, description="Step that reaches the floor; none: the last."
    )
    floor: float = Field(default=0.1, ge=0, le=1, description="As a share of the full rate.")
    shape: Literal["cosine", "linear", "constant"] = "cosine"


class PrecisionRecipe(Section):
    """What numbers weights are kept in.

    float32: everything. bf16_master: bfloat16 weights with a float32 copy in the optimiser.
    bf16_stochastic: bfloat16 weights only, rounded up or down by chance so that small updates count on
    average. bf16: bfloat16 weights rounded to the nearest, for comparison; small updates are lost.
    """

    kind: Literal["float32", "bf16_master", "bf16_stochastic", "bf16"] = "float32"


class EfficiencyRecipe(Section):
    """What is traded for time and memory. Nothing here changes what is computed."""

    recompute: Literal["none", "selective", "full"] = Field(
        default="none",
        description="selective: all but matrix products and attention is computed again. full: whole layers.",
    )
    compile: bool = Field(default=False, description="torch.compile of the layers.")
    attention: Literal["sdpa", "eager"] = "sdpa"
    loss_chunks: int = Field(default=1, ge=1, description="Parts that logits are computed in.")
    peak_tflops: float | None = Field(
        default=None, gt=0, description="Of a device, for MFU; none: known by name, or measured."
    )
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads a process; none: torch's."
    )


class CheckpointRecipe(Section):
    """When the state is kept, how long, and where."""

    every: int = Field(default=200, ge=0, description="Steps; 0: only the last.")
    keep_last: int = Field(default=3, ge=1)
    keep_every: int = Field(
        default=0, ge=0, description="Steps whose checkpoints are never removed."
    )
    to: str | None = Field(default=None, description="An object store's URL; none: the run folder.")
    background: bool = Field(
        default=True, description="Written in a thread while training goes on."
    )
    export: bool = Field(default=True, description="Hugging Face format at the end.")


class EvaluationRecipe(Section):
    """Validation loss while training."""

    every: int = Field(default=250, ge=0, description="Steps; 0: only at the end.")
    batches: int = Field(default=20, ge=0, description="While training; 0: the whole set.")
    final_batches: int = Field(default=0, ge=0, description="At the end; 0: the whole set.")


class StabilityRecipe(Section):
    """What is watched, and what happens when it goes wrong (numbers of the HLAT paper)."""

    window: int = Field(
        default=20, ge=1, description="Steps of the running mean of the gradient norm."
    )
    margin: float = Field(default=0.1, gt=0, description="A norm beyond the mean by it is a spike.")
    alarm: float = Field(default=3.0, gt=1, description="A mean beyond its lowest by this factor.")
    not_finite: Literal["skip", "roll_back", "lower_rate", "stop"] = Field(
        default="skip", description="When loss or gradient is NaN or infinite."
    )
    diverged: Literal["warn", "skip", "roll_back", "lower_rate", "stop"] = Field(
        default="warn", description="When the loss is above its lowest mean by `divergence`."
    )
    divergence: float = Field(default=1.5, gt=0, description="Nats above the lowest running mean.")
    lower_by: float = Field(default=0.5, gt=0, lt=1, description="What lower_rate multiplies with.")
    patience: int = Field(default=10, ge=1, description="Bad steps in a row before the run stops.")


class NodeRecipe(Section):
    """A machine that processes run on."""

    name: str = Field(min_length=1, max_length=80)
    address: str = Field(default="127.0.0.1", description="Where the other nodes reach it.")
    command: tuple[str, ...] = Field(
        default=(), description="What runs a command there, such as ['ssh', 'node-3']; none: here."
    )


class HealthRecipe(Section):
    """What a node must reach before it is used; 0: it is measured, and nothing is asked."""

    memory_gib: float = Field(default=0.0, ge=0, description="Free memory of the device.")
    bandwidth_gib: float = Field(default=0.0, ge=0, description="Memory bandwidth, GiB/s.")
    matrix_tflops: float = Field(default=0.0, ge=0, description="Rate of matrix products.")
    link_gib: float = Field(default=0.0, ge=0, description="Bandwidth between nodes, GiB/s.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds for the whole check.")


class RecoveryRecipe(Section):
    """How the supervisor over the processes behaves."""

    restarts: int = Field(default=10, ge=0, description="Starts again at most, in all.")
    fruitless: int = Field(
        default=3,
        ge=1,
        description="Failures in a row without a new checkpoint before it gives up.",
    )
    heartbeat: float = Field(default=2.0, gt=0, description="Seconds between signs of life.")
    hang: float = Field(default=120.0, gt=0, description="Seconds without a sign before it is cut.")
    stall: float = Field(
        default=900.0,
        gt=0,
        description="Seconds that no step ends before it is cut; the start counts, work on data and on the "
        "finished model does not.",
    )
    grace: float = Field(default=60.0, gt=0, description="Seconds to save in when asked to stop.")
    backoff: float = Field(
        default=1.0, ge=0, description="Seconds before the second start; doubles."
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        description="On each node; none: one per device, or what the layout needs.",
    )
    nodes: tuple[NodeRecipe, ...] = Field(
        default=(), description="All machines, spares too; none: this one."
    )
    spares: int = Field(
        default=0, ge=0, description="Nodes kept ready to take a failed one's place."
    )
    health_check: bool = Field(default=True, description="Measure every device before the start.")
    health: HealthRecipe = HealthRecipe()


class LogRecipe(Section):
    """What is written while training."""

    every: int = Field(default=10, ge=1, description="Steps between lines of metrics.")
    tensorboard: bool = True


class Recipe(Section):
    """One whole run."""

    name: str = Field(default="run", min_length=1, max_length=80)
    seed: int = 1337
    deterministic: bool = Field(
        default=True, description="Same numbers on the same layout, bit for bit."
    )
    model: ModelRecipe = ModelRecipe()
    data: DataRecipe
    batch: BatchRecipe = BatchRecipe()
    layout: LayoutRecipe = LayoutRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    precision: PrecisionRecipe = PrecisionRecipe()
    efficiency: EfficiencyRecipe = EfficiencyRecipe()
    checkpoints: CheckpointRecipe = CheckpointRecipe()
    evaluation: EvaluationRecipe = EvaluationRecipe()
    stability: StabilityRecipe = StabilityRecipe()
    recovery: RecoveryRecipe = RecoveryRecipe()
    log: LogRecipe = LogRecipe()

    @property
    def tokens_per_step(self) -> int:
        """Tokens that one step of the optimiser learns from."""
        return self.batch.sequences * self.data.sequence

    def with_changes(self, changes: dict[str, Any]) -> "Recipe":
        """The same recipe with other values at dotted names, such as {"schedule.steps": 100}."""
        whole = self.model_dump(mode="json")
        for name, value in changes.items():
            *sections, last = name.split(".")
            place = whole
            for section in sections:
                if not isinstance(place.get(section), dict):
                    raise InvalidInput(f"No such part of a recipe: {name}.", hint=_SEE)
                place = place[section]
            place[last] = value
        return from_dict(whole)

    def to_toml(self) -> str:
        """The whole recipe, defaults too, as TOML that reads back as the same recipe.

        TOML has no word for none: such values are comments.
        """
        return _toml(self.model_dump(mode="json"))


_SEE: Final = "At its start a run prints its recipe, with every name there is."


def shipped() -> list[str]:
    """Names of the recipes that come with Stoa."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str | Path) -> Recipe:
    """A recipe from a TOML file, or a shipped one by its name."""
    path = Path(name)
    if path.suffix != ".toml":
        path = SHIPPED / f"{name}.toml"
    if not path.is_file():
        raise NotFound(f"There is no recipe {name}.", hint=f"Shipped ones: {', '.join(shipped())}.")
    return from_toml(path.read_text(encoding="utf-8"))


def from_toml(text: str) -> Recipe:
    """A recipe from TOML."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"The recipe is no valid TOML: {error}.", hint=_SEE) from error
    return from_dict(found)


def from_dict(found: dict[str, Any]) -> Recipe:
    """A recipe from plain values, as in a run folder's `recipe.json`."""
    try:
        return Recipe.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise InvalidInput(
            f"The recipe does not fit at {where}: {first['msg']}.", hint=_SEE
        ) from error


def _toml(values: dict[str, Any], prefix: str = "") -> str:
    """TOML of nested tables; the standard library reads it but does not write it."""
    plain = [
        f"# {key} = none" if value is None else f"{key} = {_value(value)}"
        for key, value in values.items()
        if not isinstance(value, dict)
    ]
    text = "".join(f"{line}\n" for line in plain)
    for key, value in values.items():
        if isinstance(value, dict):
            name = f"{prefix}{key}"
            text += f"\n[{name}]\n{_toml(value, f'{name}.')}"
    return text


def _value(value: Any) -> str:
    if isinstance(value, dict):
        parts = [f"{key} = {_value(part)}" for key, part in value.items() if part is not None]
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    return json.dumps(
        value, ensure_ascii=False
    )  # strings, numbers and booleans look the same in both
