"""What can be trained and with which numbers. A recipe is data: it travels as JSON into the process.

The shape of the neural models is the published one (32 factors, 3 layers, 4 negatives, batches of 256);
all other defaults were chosen on items held out of MovieLens-1M's training data.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PopularityRecipe(_Recipe):
    """Nothing to choose."""

    kind: Literal["popularity"] = "popularity"


class ItemKnnRecipe(_Recipe):
    """Item neighbours by damped cosine."""

    kind: Literal["item_knn"] = "item_knn"
    neighbours: int = Field(50, ge=1, le=2000)
    shrink: float = Field(0.0, ge=0)


class EaseRecipe(_Recipe):
    """A dense item-to-item ridge regression."""

    kind: Literal["ease"] = "ease"
    regularisation: float = Field(1000.0, gt=0)
    most_items: int = Field(20_000, ge=1, description="Refuse catalogues above this size")


class IalsRecipe(_Recipe):
    """Implicit alternating least squares."""

    kind: Literal["ials"] = "ials"
    dimensions: int = Field(64, ge=1, le=2048)
    epochs: int = Field(12, ge=1)
    unobserved: float = Field(0.3, gt=0, description="Weight of a pair that nobody saw")
    regularisation: float = Field(0.003, gt=0)
    exponent: float = Field(1.0, ge=0, le=1, description="How regularisation grows with frequency")
    deviation: float = Field(0.1, gt=0, description="Of the first vectors")


class NeuralRecipe(_Recipe):
    """NeuMF, or one of its halves."""

    kind: Literal["neumf", "gmf", "mlp"] = "neumf"
    epochs: int = Field(10, ge=1)
    learning_rate: float = Field(0.003, gt=0)
    batch_size: int = Field(256, ge=1, description="Pairs per step, negatives included")
    dropout: float = Field(0.2, ge=0, lt=1)
    factor_num: int = Field(32, ge=1, le=512)
    num_layers: int = Field(3, ge=1, le=6)
    negatives: int = Field(4, ge=1, le=100, description="Sampled per positive, anew every epoch")
    patience: int = Field(0, ge=0, description="Epochs without progress before stopping; 0: never")
    averaging: float = Field(
        0.9995, ge=0, lt=1, description="What a running mean of the weights keeps per step; 0: none"
    )
    pretrain: int = Field(0, ge=0, description="Epochs of MLP, and of GMF, before NeuMF")
    pretrain_gmf: int = Field(
        0, ge=0, description="Epochs of GMF, which are cheap, where not as many as of MLP"
    )
    joined_rate: float = Field(
        0.3, gt=0, le=1, description="Share of the rate that NeuMF has after pre-training"
    )
    batches_per_step: int = Field(
        16, ge=1, description="Batches taken in one step, at a rate grown by its power of 0.4"
    )
    least_steps: int = Field(
        20, ge=1, description="Steps an epoch has at least; small data take fewer batches a step"
    )


SingleRecipe = Annotated[
    PopularityRecipe | ItemKnnRecipe | EaseRecipe | IalsRecipe | NeuralRecipe,
    Field(discriminator="kind"),
]


class BlendRecipe(_Recipe):
    """Several models, weighed by what held-out training data says."""

    kind: Literal["blend"] = "blend"
    parts: tuple[SingleRecipe, ...] = Field(
        (EaseRecipe(), IalsRecipe()), min_length=2, max_length=4
    )
    weights: tuple[float, ...] = Field((), description="Empty: chosen on held-out data")
    steps: int = Field(20, ge=1, le=100, description="Weights tried are multiples of 1 / steps")


ModelRecipe = Annotated[
    PopularityRecipe | ItemKnnRecipe | EaseRecipe | IalsRecipe | NeuralRecipe | BlendRecipe,
    Field(discriminator="kind"),
]
