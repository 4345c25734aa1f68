"""What preparing takes."""

from pydantic import BaseModel, ConfigDict, Field


class PrepareRecipe(BaseModel):
    """Files of interactions, and how they are to be split.

    A source is a path, or the address of an object (`s3://bucket/folder/file.parquet`); all of them
    together are one set of events, in any order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: tuple[str, ...] = Field(min_length=1)
    partition: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.:+-]*$",
        description="Run time that names the outcome; empty: now",
    )
    user_column: str = Field("", description="Empty: found by its usual names")
    item_column: str = ""
    time_column: str = ""
    negatives: int = Field(99, ge=1, le=1000)
    seed: int = Field(1, ge=0)
    users_per_part: int = Field(20_000, ge=1)
    memory_mb: int = Field(1500, ge=100, description="What DuckDB may hold; the rest it spills")
    threads: int = Field(2, ge=1, le=256)
    ray: bool = Field(False, description="Spread the parts over the Ray cluster this runs in")
