"""The part of a recipe that says what is read: sources, their weights, the tokenizer, the packing.

Plain values with their checks. It knows neither files nor torch.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

BYTES = "bytes"
CHARACTERS = "characters"


class SourceRecipe(BaseModel):
    """Shards of one kind: `.jsonl`, `.json`, `.parquet` or text, plain or as `.gz`, `.zst`, …"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")
    shards: tuple[str, ...] = Field(min_length=1, description="Paths; `*`, `?` and `**` match")
    weight: float = Field(
        default=1.0, gt=0, description="Share of the text read, against the others'"
    )
    column: str = Field(default="text", description="Field or column that holds the text")
    split: Literal["file", "line", "paragraph"] = Field(
        default="file", description="What one document is in a text shard"
    )


class DataRecipe(BaseModel):
    """Everything that decides which tokens a run sees, and in which order, but for the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[SourceRecipe, ...] = Field(min_length=1)
    tokenizer: str = Field(
        default=BYTES,
        description="A tokenizer.json, a folder with one, or 'bytes' or 'characters'",
    )
    mode: Literal["packed", "windows"] = Field(
        default="packed",
        description="packed: documents are tokenised while training runs and packed end to end; "
        "windows: tokenised once beforehand into a file of which windows are read",
    )
    boundaries: bool = Field(
        default=False,
        description="Keep packed documents apart: positions start anew, attention stays inside",
    )
    end_of_text: str | None = Field(
        default=None, description="Token after each document; found by its usual names if unset"
    )
    held_out: float = Field(
        default=0.0, ge=0, le=0.5, description="Share of each source, its end, kept for validation"
    )
    corrupt: Literal["refuse", "skip"] = Field(
        default="refuse", description="What happens to a shard or line that can't be read"
    )
    piece_bytes: int = Field(
        default=65536, ge=256, le=2**24, description="Longer documents are kept in pieces"
    )
    workers: int = Field(default=1, ge=1, le=64, description="Background threads of each rank")
    prefetch: int = Field(default=4, ge=1, le=1024, description="Batches that may wait per worker")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        if self.boundaries and self.mode == "windows":
            raise ValueError("windows know no boundaries of documents: use mode 'packed'")
        return self
